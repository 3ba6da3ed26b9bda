"""What the page about the query language shows is true of the language."""

import re
from pathlib import Path

import pytest

from libs.common.query import parse
from libs.common.query.fields import HAS, IS
from libs.common.query.terms import FIELDS

PAGE = Path(__file__).parents[3] / "docs" / "query-language.md"
ROWS = [
    line.split(" | ")
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
EXAMPLES = [example for row in ROWS for example in re.findall("`([^`]+)`", row[0])]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood_without_a_warning(example: str) -> None:
    assert parse(example).warnings == ()


def test_every_field_and_name_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = {re.split(r"[:<>=]", example)[0] for example in EXAMPLES}
    assert not set(FIELDS) - shown
    assert not [name for name in (*HAS, *IS) if not re.search(rf"\b{name}\b", page)]
