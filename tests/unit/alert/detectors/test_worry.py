"""A hint from a person always passes."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given

from libs.common.events import Kind
from services.alert.detector import Finding, Voice
from services.alert.detectors.worry import Worry
from tests.unit.alert.detectors.voices import BEGIN, a_voice, check_survives_saving, streams


def test_every_hint_passes_however_many_there_are() -> None:
    worry, hint = Worry(), a_voice(kind="hint", label="other", severity=0.0, copied=True)
    expected = Finding(detector="worry", at=BEGIN, surprise=0.0, numbers={})
    assert [worry.fold(hint) for _ in range(100)] == [expected] * 100


@pytest.mark.parametrize("kind", [kind for kind in get_args(Kind) if kind != "hint"])
def test_nothing_else_does(kind: Kind) -> None:
    assert Worry().fold(a_voice(kind=kind, severity=0.99)) is None


@given(streams(20))
def test_it_remembers_nothing(heard: list[Voice]) -> None:
    check_survives_saving(Worry, Worry.fold, heard)
    assert msgspec.msgpack.encode(Worry()) == b"\x80"
