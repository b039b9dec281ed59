#!/bin/sh
# The first run on a GPU: the tests marked `gpu`, then times of training. Within five minutes on one device.
# Run it from the root, in an environment with a CUDA build of torch and the package: sh benchmarks/gpu.sh
# PYTHON names the interpreter, .venv/bin/python otherwise.
set -e
PYTHON="${PYTHON:-.venv/bin/python}"
"$PYTHON" -c 'import torch; assert torch.cuda.is_available(), "There is no CUDA device."'
timeout 120 "$PYTHON" -m pytest -q -m gpu tests/gpu
timeout 180 "$PYTHON" benchmarks/gpu.py
