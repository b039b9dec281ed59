PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test check format calibrate differences bench bench-engine kills clean

demo: .venv/.demo  ## Assess two defenses against all eight risks on real mortgage decisions, and write the report.
	$(BIN)/amulet assess examples/quickstart.yaml

test: .venv/.dev  ## All tests.
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

check: .venv/.dev  ## Format, lint, types, import rules, then all tests.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory test

format: .venv/.dev  ## Rewrite the code in the house's format.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

calibrate: .venv/.demo  ## Measure how often verdicts are wrong, on 400 placebos and on stored differences; about an hour.
	$(BIN)/python benchmarks/calibrate.py

differences: .venv/.demo  ## Train the stored differences of real defenses again: 40 seeds of three data sets; about an hour.
	$(BIN)/python benchmarks/difference_pool.py

bench: .venv/.demo  ## Compare training with plain loops and Opacus, both in one run; about ten minutes.
	$(BIN)/python benchmarks/speed.py

kills: .venv/.demo  ## Kill an assessment 200 times at random moments, and compare its end; about a minute.
	$(BIN)/python benchmarks/kills.py --count 200
bench-engine: .venv/.demo  ## Plan and run 115,000 tasks whose computations are replaced; about ten minutes and 1 GB of disk.
	$(BIN)/python benchmarks/engine.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) ".[demo]"
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) ".[dev]"
	@touch $@ .venv/.demo

clean:  ## Remove the environment and everything computed.
	rm -rf .venv runs
