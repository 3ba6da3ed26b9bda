"""Things the alert service works with, with defaults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from libs.common.events import (
    Author,
    Classification,
    ClassifiedMention,
    Kind,
    Label,
    PageCause,
    Reason,
    mention_id,
)
from services.alert.page import Alarm, Page, Quote, Todo, Words, page_key
from services.alert.signal import Signal

NIGHT = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
"""A Sunday, 03:12 in Berlin."""

BRAKES = "Meine Bremse hat heute bei Tempo 120 versagt. Ich hatte Todesangst."


def a_mention(
    native_id: str = "1",
    *,
    text: str = BRAKES,
    watch: str = "motorrad-ag",
    label: Label = "crisis_candidate",
    severity: float = 0.82,
    kind: Kind = "post",
    backfill: bool = False,
    author: str | None = "anton",
    followers: int | None = None,
    reasons: tuple[Reason, ...] | None = None,
    title: str | None = None,
    published_at: datetime = NIGHT - timedelta(minutes=3),
) -> ClassifiedMention:
    if reasons is None:
        reasons = cues_in(text, Bremse="safety_defect", versagt="safety_defect")
    return ClassifiedMention(
        id=mention_id("forum", native_id, watch),
        watch=watch,
        source="bikeforum",
        platform="forum",
        native_id=native_id,
        kind=kind,
        url=f"https://forum.example/{native_id}",
        title=title,
        text=text,
        author=Author(key=author, followers=followers) if author else None,
        published_at=published_at,
        collected_at=NIGHT,
        backfill=backfill,
        classification=Classification(
            label=label, scores={label: 0.9}, severity=severity, reasons=reasons, model="test-1"
        ),
    )


def reclassified(mention: ClassifiedMention) -> ClassifiedMention:
    """The mention as it comes when it was judged anew."""
    verdict = replace(mention.classification, reclassified=True)
    return replace(mention, classification=verdict)


def cues_in(text: str, **words: str) -> tuple[Reason, ...]:
    """A reason for each of these words that stands in the text, the first the heaviest."""
    return tuple(
        Reason(
            cue=cue,
            field="text",
            start=text.index(word),
            end=text.index(word) + len(word),
            label="crisis_candidate",
            weight=1.0 - 0.1 * place,
        )
        for place, (word, cue) in enumerate(words.items())
        if word in text
    )


def a_signal(
    native_id: str = "1",
    *,
    rule: str = "danger",
    level: int = 3,
    theme: str = "product-safety",
    mention: ClassifiedMention | None = None,
) -> Signal:
    return Signal(
        rule=rule,
        level=level,
        theme=theme,
        playbook="product-safety",
        title="Motorrad AG: Produkt gefährdet Menschen",
        why=f"rule {rule}: severity>=0.7",
        mention=mention or a_mention(native_id),
    )


def an_alarm(
    cause: PageCause = "opened",
    *,
    seq: int = 1,
    level: int = 3,
    mentions: int = 1,
    voices: int = 1,
    text: str | None = BRAKES,
    acknowledged_by: str | None = None,
    by: str | None = None,
    resolution: str | None = None,
    watch_name: str = "Motorrad AG",
) -> Alarm:
    return Alarm(
        incident="5e0c7f1a2b3c4d5e",
        cause=cause,
        seq=seq,
        at=NIGHT,
        why="rule danger: label:crisis_candidate severity>=0.7",
        watch="motorrad-ag",
        watch_name=watch_name,
        theme="product-safety",
        title=Words("Produkt gefährdet Menschen", "Product puts people at risk"),
        level=level,
        state="acknowledged" if acknowledged_by else "open",
        opened_at=NIGHT,
        since=NIGHT - timedelta(minutes=3),
        url="https://melder.example/?incident=5e0c7f1a2b3c4d5e",
        mentions=mentions,
        voices=voices,
        sources=("bikeforum",),
        quote=Quote(
            mention="m1",
            text=text,
            url="https://forum.example/1",
            source="bikeforum",
            platform="forum",
            published_at=NIGHT - timedelta(minutes=3),
            label="crisis_candidate",
            severity=0.82,
            words=("Bremse", "versagt"),
            followers=5400,
        ),
        steps=(
            Todo(
                "people-first",
                Words("Ist jemand verletzt?", "Is someone hurt?"),
                Words("Bereitschaft", "On call"),
                NIGHT + timedelta(minutes=10),
            ),
            Todo(
                "inform",
                Words("Sagen, was feststeht.", "Say what is certain."),
                Words("Pressestelle", "Press office"),
                NIGHT + timedelta(hours=24),
            ),
        ),
        dont=(Words("Kritik nie löschen.", "Never delete criticism."),),
        acknowledged_by=acknowledged_by,
        acknowledged_at=NIGHT + timedelta(minutes=4) if acknowledged_by else None,
        by=by,
        resolution=resolution,
    )


def a_page(alarm: Alarm | None = None, *, address: str = "anna@example.org") -> Page:
    alarm = alarm or an_alarm()
    return Page(
        key=page_key(alarm.incident, alarm.seq, "mail", address),
        to="person:anna",
        channel="mail",
        address=address,
        language="de",
        alarm=alarm,
    )
