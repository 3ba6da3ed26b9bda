"""A page: what is sent to one recipient because of one event of an incident.

Everything it says is fixed when it is made, so that every try sends the same under the same key.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import msgspec

from libs.common.events import PageCause
from libs.common.settings import Language
from services.alert.incident import State
from services.alert.signal import Report

STEPS_ON_A_PAGE: Final = 3
LONGEST_QUOTE: Final = 2000


class Words(msgspec.Struct, frozen=True):
    """A text in both languages."""

    de: str
    en: str

    def in_language(self, language: Language) -> str:
        return self.de if language == "de" else self.en


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The mention that decided. `text` is None when it was deleted at its source.

    words: what in it decided, as written, the heaviest first.
    followers: of its author, where the platform says.
    edited_at: when the text became what it is, if it was another one at first.
    report: instead of a post, it is what Brandmelder says of one of its sources.
    """

    mention: str
    text: str | None
    url: str | None
    source: str
    platform: str
    published_at: datetime
    label: str
    severity: float
    words: tuple[str, ...] = ()
    followers: int | None = None
    edited_at: datetime | None = None
    report: Report | None = None


class Gist(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident's mentions say: a headline, and the mentions that tell it best, by time."""

    headline: Words
    mentions: tuple[str, ...]


class Todo(msgspec.Struct, frozen=True):
    """A step that is still to do."""

    id: str
    text: Words
    owner: Words
    due_at: datetime


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says, in no language yet.

    seq: the event of the incident that is its cause.
    since: when the first of its mentions was published.
    mentions, voices: how many posts, by how many different authors.
    by: who acknowledged or resolved, for those causes.
    headline: what its mentions speak of. because: the criteria of its level that hold, and how far
    it is to the next, where the level was measured.
    """

    incident: str
    cause: PageCause
    seq: int
    at: datetime
    why: str
    watch: str
    watch_name: str
    theme: str
    title: Words
    level: int
    state: State
    opened_at: datetime
    since: datetime
    url: str
    mentions: int
    voices: int
    sources: tuple[str, ...]
    quote: Quote | None
    steps: tuple[Todo, ...]
    dont: tuple[Words, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assigned_to: str | None = None
    by: str | None = None
    resolution: str | None = None
    headline: Words | None = None
    because: tuple[Words, ...] = ()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm on its way to one recipient.

    key: the idempotency key, the same on every try and after every restart.
    to: the recipient as the configuration names it; channel: what carries it; address: where to,
    for channels that serve several addresses.
    """

    key: str
    to: str
    channel: str
    address: str
    language: Language
    alarm: Alarm


def page_key(incident: str, seq: int, channel: str, address: str) -> str:
    """The key of the page about event `seq` of the incident, to that address."""
    parts = (incident, str(seq), channel, address)
    return "page_" + hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
