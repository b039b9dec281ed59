"""The pages of the guide on large matrices show what the stored results say."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"


@pytest.fixture(scope="module")
def matrices() -> ModuleType:
    """The script that makes the tables."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import matrices  # type: ignore[import-not-found]  # noqa: PLC0415 - a script beside the package

    found: ModuleType = matrices
    return found


def lines(page: str) -> set[str]:
    return set((GUIDE / page).read_text(encoding="utf-8").splitlines())


def test_the_page_on_one_matrix_has_the_sentences_and_the_table_of_its_results(matrices: ModuleType) -> None:
    short = matrices.stored("all-risks-census")
    assert [
        line for line in (*matrices.said(short), *matrices.matrix_table(short)) if line not in lines("one_matrix.md")
    ] == []


def test_the_page_on_pairs_has_the_table_of_its_results(matrices: ModuleType) -> None:
    assert [line for line in matrices.pairs_table(matrices.stored("all-pairs")) if line not in lines("pairs.md")] == []


def test_the_page_on_the_papers_interactions_has_the_tables_of_its_results(matrices: ModuleType) -> None:
    short = matrices.stored("paper-interactions")
    assert [line for line in matrices.interactions_table(short) if line not in lines("paper_interactions.md")] == []
