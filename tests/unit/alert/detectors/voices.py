"""Voices with defaults, streams of them, and what holds for the state of every detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.common.events import Kind, Label, Reason
from services.alert.detector import Finding, Voice
from tests.unit.alert.builders import NIGHT, a_mention

S = TypeVar("S", bound=msgspec.Struct)
BEGIN = NIGHT.timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 24 * 3600.0
NAMELESS = a_mention(reasons=(), author=None)
"""Building a mention takes longer than folding its voice."""


def a_voice(
    at: float = 0.0,
    *,
    who: int = 1,
    label: Label = "complaint",
    severity: float = 0.3,
    themes: tuple[str, ...] = (),
    reach: int = 0,
    copied: bool = False,
    kind: Kind = "post",
    platform: str = "mastodon",
    url: str | None = None,
    uncertain: bool = False,
) -> Voice:
    """at: seconds after the beginning."""
    verdict = replace(NAMELESS.classification, uncertain=uncertain)
    mention = replace(NAMELESS, kind=kind, platform=platform, url=url, classification=verdict)
    return Voice(
        mention=mention,
        at=BEGIN + at,
        who=who,
        label=label,
        critical=label in ("complaint", "crisis_candidate"),
        severity=severity,
        themes=themes,
        reach=reach,
        copied=copied,
        abusive=False,
    )


def a_reason(cue: str, weight: float = 0.5, label: Label = "crisis_candidate") -> Reason:
    return Reason(cue=cue, field="text", label=label, weight=weight)


def streams(most: int = 120) -> st.SearchStrategy[list[Voice]]:
    """Voices in log order: mostly onwards in time, sometimes back, sometimes after a long gap."""
    voices = st.builds(
        a_voice,
        st.one_of(st.integers(-5, 900), st.integers(-7, 50).map(lambda hours: hours * 3600)),
        who=st.integers(0, 2**64 - 1) | st.integers(0, 6),
        label=st.sampled_from(["complaint", "crisis_candidate", "other", "praise"]),
        severity=st.sampled_from([0.2, 0.5, 0.6, 0.7, 0.82, 0.95]),
        themes=st.lists(st.sampled_from(["fire", "fraud", "outage"]), max_size=2).map(tuple),
        reach=st.sampled_from([0, 1, 40, 900, 12_000, 400_000, 2**53]),
        copied=st.booleans(),
        kind=st.sampled_from(["post", "article", "hint"]),
        platform=st.sampled_from(["x", "mastodon", "reddit", "forum", "news", "youtube"]),
        url=st.sampled_from([None, "https://a.example/1", "https://www.b.example/2"]),
    )

    def one_after_another(steps: Sequence[Voice]) -> list[Voice]:
        at, placed = BEGIN, []
        for voice in steps:
            at += voice.at - BEGIN
            placed.append(replace(voice, at=at))
        return placed

    return st.lists(voices, max_size=most).map(one_after_another)


def check_survives_saving(
    new: Callable[[], S],
    fold: Callable[[S, Voice], Finding | None],
    voices: Iterable[Voice],
) -> None:
    """Saved and read back after every voice, it finds the same and ends in the same state."""
    kept, restored = new(), new()
    for voice in voices:
        assert fold(restored, voice) == fold(kept, voice)
        restored = _saved(restored)
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(kept)


def size(state: msgspec.Struct) -> int:
    """Bytes of the saved state."""
    return len(msgspec.msgpack.encode(state))


def _saved(state: S) -> S:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
