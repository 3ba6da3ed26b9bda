"""Posts as campaigns and ordinary people write them, with defaults."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from libs.common.events import (
    Author,
    Classification,
    ClassifiedMention,
    Kind,
    Label,
    Rating,
    mention_id,
)
from services.alert.detectors.campaign import Campaign, Copy

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)
"""02:30 in Berlin."""
CHEATED = (
    "Nie wieder Hotel Alpenhof! Das Zimmer war dreckig, das Personal unverschämt, "
    "und am Ende wurden wir um unser Geld betrogen."
)
REWORDED = (
    "Nie wieder Hotel Alpenhof! Das Zimmer war schmutzig, das Personal unverschämt, "
    "und am Ende wurden wir um unser Geld geprellt."
)
OTHER = (
    "Seit drei Wochen warte ich auf mein neues Vorderrad, und in der Werkstatt kann mir keiner "
    "sagen, wann es endlich geliefert wird."
)


def said(
    text: str = CHEATED,
    by: str | None = "anna",
    *,
    at: datetime = NOON,
    kind: Kind = "post",
    label: Label = "complaint",
    severity: float = 0.3,
    name: str | None = None,
    handle: str | None = None,
    followers: int | None = None,
    rating: Rating | None = None,
    title: str | None = None,
    url: str | None = None,
    backfill: bool = False,
    collected_at: datetime | None = None,
) -> ClassifiedMention:
    native_id = f"{by}/{at.isoformat()}/{len(text)}"
    author = None
    if by is not None:
        author = Author(key=by, name=name, handle=handle, followers=followers)
    return ClassifiedMention(
        id=mention_id("reviews", native_id, "hotel"),
        watch="hotel",
        source="reviews",
        platform="reviews",
        native_id=native_id,
        kind=kind,
        title=title,
        text=text,
        url=url,
        author=author,
        rating=rating,
        published_at=at,
        collected_at=collected_at or at,
        backfill=backfill,
        classification=Classification(
            label=label, scores={label: 0.9}, severity=severity, model="test-1"
        ),
    )


def fold(state: Campaign, *mentions: ClassifiedMention) -> list[Copy]:
    return [state.fold(one, one.published_at.timestamp(), BERLIN) for one in mentions]


def a_fake_wave(copies: int, *, at: datetime = NIGHT, minutes: int = 10) -> list[ClassifiedMention]:
    """One-star reviews in the night by people called like many, without followers."""
    names = ("Thomas M.", "Peter Müller", "Sabine", "Anonym", "Max Schmidt")
    return [
        said(
            CHEATED if copy % 2 else REWORDED,
            f"fake{copy}",
            at=at + timedelta(minutes=minutes * copy),
            kind="review",
            name=names[copy % len(names)],
            followers=copy % 3,
            rating=Rating(value=1, best=5),
        )
        for copy in range(copies)
    ]


@cache
def ordinary_texts() -> tuple[str, ...]:
    """What people write about hotels, banks and trains: nobody says what another says."""
    corpus = Path(__file__).parents[4] / "training" / "corpus"
    texts: list[str] = []
    for name in ("de-hotel", "de-banking", "en-rail"):
        with (corpus / f"{name}.jsonl").open(encoding="utf-8") as lines:
            texts += [json.loads(line)["text"] for line in lines][:400]
    return tuple(texts)
