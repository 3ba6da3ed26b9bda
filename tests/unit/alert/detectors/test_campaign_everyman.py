"""Which names say nothing about who writes."""

from __future__ import annotations

import pytest

from services.alert.detectors.everyman import says_nothing, stem


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Peter", None),
        ("Peter M.", None),
        ("THOMAS MUELLER", None),
        ("Max Mustermann", "maxmustermann"),
        ("John Smith", None),
        ("Anonym", None),
        ("Ehemaliger Mitarbeiter", None),
        ("Kunde 17", None),
        (None, "guest_12"),
        (None, "sabine84712"),
        ("Roswitha Okonjo", "user90210"),
    ],
)
def test_everyman_names_and_made_up_ones(name: str | None, handle: str | None) -> None:
    assert says_nothing(name, handle)


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        (None, None),
        ("Roswitha Okonjo", "roswitha"),
        ("Peter Okonjo", "peter_o"),
        ("Hotel Alpenhof Grünegg", "alpenhof"),
        ("Radsport Kundendienst Nord", None),
        (None, "kurvenjaeger77"),
        ("😡😡", "😡"),
        ("", ""),
    ],
)
def test_names_that_tell_somebody_apart(name: str | None, handle: str | None) -> None:
    assert not says_nothing(name, handle)


def test_handles_that_differ_in_digits_only_have_one_stem() -> None:
    assert stem("kunde_17") == stem("Kunde4711") == "kunde"
    assert stem("kunde") is None
    assert stem("4711") is None
    assert stem(None) is None
