"""Marks on the scales that pages use."""

from __future__ import annotations

import pytest

from libs.common.events import Rating
from services.ingest.reading.stars import of_five, on_scale


@pytest.mark.parametrize(
    ("value", "best", "worst", "rating"),
    [
        ("4", "", "", Rating(value=4, best=5)),
        ("4,3", "", "", Rating(value=4.3, best=5)),
        (" 4.3 ", "5", "1", Rating(value=4.3, best=5)),
        ("7", "10", "0", Rating(value=7, best=10)),
        ("7", "10", "1", Rating(value=7, best=10)),
        ("4,5 von 5", "", "", Rating(value=4.5, best=5)),
        ("4/5", "10", "", Rating(value=4, best=5)),
        ("80 %", "", "", Rating(value=80, best=100)),
        ("0", "5", "0", Rating(value=0, best=5)),
        ("1", "1", "", Rating(value=1, best=1)),
    ],
)
def test_scales_from_zero_or_one_stay_as_they_are(
    value: str, best: str, worst: str, rating: Rating
) -> None:
    assert on_scale(value, best, worst) == rating


def test_a_school_mark_becomes_stars_and_is_kept_as_stated() -> None:
    assert on_scale("2", "1", "6") == Rating(value=4.2, best=5, stated="2 (6–1)")
    assert on_scale("6", "1", "6") == Rating(value=1, best=5, stated="6 (6–1)")


def test_a_scale_through_zero_becomes_stars() -> None:
    assert on_scale("-5", "5", "-5") == Rating(value=1, best=5, stated="-5 (-5–5)")
    assert on_scale("0", "5", "-5") == Rating(value=3, best=5, stated="0 (-5–5)")


@pytest.mark.parametrize(
    ("value", "best", "worst"),
    [
        ("", "", ""),
        ("sehr gut", "", ""),
        ("7", "5", "1"),
        ("0", "5", ""),
        ("-1", "", ""),
        ("3", "5", "5"),
        ("1e400", "", ""),
        ("NaN", "", ""),
        ("9" * 400, "", ""),
        ("4" + " " * 1_000_000 + "x", "", ""),
    ],
)
def test_what_is_not_on_its_scale_is_no_rating(value: str, best: str, worst: str) -> None:
    assert on_scale(value, best, worst) is None


@pytest.mark.parametrize("stars", [None, 0, 0.5, 5.1, float("nan"), float("inf")])
def test_stars_are_one_to_five(stars: float | None) -> None:
    assert of_five(stars) is None
