"""The page about the kinds of sources says what the code and its tests say."""

from __future__ import annotations

from tests.contract.collectors.table import PAGE, page


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
