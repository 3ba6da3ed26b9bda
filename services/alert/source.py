"""Reports about Brandmelder's own sources: they go the way of every signal.

A report stands as a mention of the reserved watch `operations`, with the theme `source:<id>`: so a
source has one incident at a time, which further reports join, and which its recovery ends.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from libs.common.events import Classification, ClassifiedMention, SourceHealthChanged
from libs.common.settings import Language
from services.alert.incident import Events, Incident, Refusal, resolve
from services.alert.playbook import SOURCE_DOWN
from services.alert.signal import OPERATIONS, Report, Signal
from services.alert.texts import texts

LEVEL: Final = 1
BY: Final = "Brandmelder"
"""Who ends an incident when its source is well again."""
_THEME: Final = "source:"
_MODEL: Final = "report"


def theme_of(source: str) -> str:
    return _THEME + source


def source_of(watch: str, theme: str) -> str | None:
    """The source that an incident is about; None when it is about mentions."""
    return theme.removeprefix(_THEME) if watch == OPERATIONS else None


def signal_of(change: SourceHealthChanged, language: Language) -> Signal:
    """The signal that a source is ill."""
    matter = texts(language).source.matter(change.health, change.source)
    return Signal(
        rule=OPERATIONS,
        level=LEVEL,
        theme=theme_of(change.source),
        playbook=SOURCE_DOWN,
        title=matter,
        why=change.reason or matter,
        mention=_as_mention(change),
        report=Report(health=change.health, told_at=change.at),
    )


def recovery(
    incident: Incident,
    change: SourceHealthChanged,
    last_told: datetime | None,
    language: Language,
    zone: ZoneInfo,
    now: datetime,
) -> Events:
    """What the recovery of a source does to its incident: ends it, with a word on why. A recovery
    that came again, after the source fell ill anew, does nothing.

    last_told: when the newest report of the incident was told.
    """
    if last_told is not None and change.at <= last_told:
        return ()
    words = texts(language)
    why = (
        words.source.removed.format(source=change.source)
        if change.kind is None
        else words.source.again.format(source=change.source, at=words.time_at(change.since, zone))
    )
    decided = resolve(incident, why, BY, now)
    return () if isinstance(decided, Refusal) else decided


def _as_mention(change: SourceHealthChanged) -> ClassifiedMention:
    """A report told again has the same id."""
    told = f"{change.source}\x1f{change.health}\x1f{change.at.isoformat()}"
    identity = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
    return ClassifiedMention(
        id=identity,
        watch=OPERATIONS,
        source=change.source,
        platform=change.kind or OPERATIONS,
        native_id=identity,
        kind="post",
        text=change.reason or change.health,
        published_at=change.since,
        collected_at=change.at,
        classification=Classification(label="other", scores={}, severity=0.0, model=_MODEL),
    )
