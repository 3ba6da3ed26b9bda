"""The events that travel on the log: one frozen struct per event type, as UTF-8 JSON.

An event is wrapped as a CloudEvent 1.0 in Kafka's binary mode: the value is the bare JSON, the
envelope stands in the headers. Fields are only ever added; unknown fields are ignored; an unknown
type raises `UnknownEvent`, and the worker parks the message.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from libs.common.bus import Message, Record, header
from libs.common.errors import InvalidEvent, UnknownEvent

Kind: TypeAlias = Literal[
    "post", "reply", "repost", "comment", "review", "question", "answer", "article", "hint"
]
PageCause: TypeAlias = Literal["opened", "worsened", "hint", "acknowledged", "resolved"]
Label: TypeAlias = Literal["complaint", "question", "praise", "crisis_candidate", "other"]
URGENT: Final[frozenset[PageCause]] = frozenset({"opened", "worsened", "hint"})
"""Pages for which somebody has to act; the others only tell that somebody does."""
LABELS: Final[tuple[Label, ...]] = (
    "complaint",
    "question",
    "praise",
    "crisis_candidate",
    "other",
)


class _Event(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """Defaults are not written. (Type checkers want `frozen` and `kw_only` on every class.)"""


class Author(_Event, frozen=True, kw_only=True):
    """Who wrote a post, as far as the platform says and the privacy settings allow."""

    key: str
    """Keyed hash of platform and account: equal for equal authors, says nothing else."""
    handle: str | None = None
    name: str | None = None
    url: str | None = None
    followers: int | None = None


class Rating(_Event, frozen=True, kw_only=True):
    """A review's stars: `value` out of `best`, as the platform gave them."""

    value: float
    best: float
    stated: str | None = None
    """What the platform says where its scale does not run up from zero or one, for people: `2
    (6–1)`, a two on a scale from six, the worst, to one. `value` and `best` are stars then."""


class Engagement(_Event, frozen=True, kw_only=True):
    """Reactions counted by the platform when the post was read; None where it does not say."""

    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    views: int | None = None


class Mention(_Event, frozen=True, kw_only=True):
    """One post that matched one watch. All times are aware and in UTC."""

    id: str
    """`mention_id(platform, native_id, watch)`: a repeat of the same post has the same id."""
    watch: str
    source: str
    """Id of the source in the configuration; `api` and `hint` for what was handed in."""
    platform: str
    native_id: str
    kind: Kind
    url: str | None = None
    title: str | None = None
    text: str
    """Visible text; never HTML."""
    lang: str | None = None
    """BCP 47 tag as the platform gave it, or None."""
    author: Author | None = None
    published_at: datetime
    edited_at: datetime | None = None
    """When its author last changed it, where the platform says so."""
    collected_at: datetime
    thread: str | None = None
    in_reply_to: str | None = None
    rating: Rating | None = None
    engagement: Engagement | None = None
    place: str | None = None
    backfill: bool = False
    """Read from the past on purpose: stored and counted, but it never pages as new."""


class MentionDeleted(_Event, frozen=True, kw_only=True):
    """The source no longer shows the post: the store forgets its text."""

    id: str
    watch: str
    source: str
    platform: str
    native_id: str
    deleted_at: datetime


class LabelCorrected(_Event, frozen=True, kw_only=True):
    """A person said what a mention is, or took that back: whoever shows it looks it up anew. What
    was said, and by whom, stays in the store."""

    id: str
    """The mention."""
    watch: str
    at: datetime


class Reason(_Event, frozen=True, kw_only=True):
    """What in the text decided: `text[start:end]` of `field`, and what it speaks for."""

    cue: str
    """Name of the cue, for example `safety_defect` or `thanks`."""
    field: Literal["title", "text", "rating", "kind"]
    start: int = 0
    end: int = 0
    label: Label
    weight: float


class Classification(_Event, frozen=True, kw_only=True):
    """The classifier's verdict on one mention."""

    label: Label
    scores: dict[Label, float]
    """Per label, 0 to 1; several labels may be high at once."""
    severity: float
    """0 to 1: how bad it would be if this were true and seen by many."""
    reasons: tuple[Reason, ...] = ()
    lang: str | None = None
    """Two-letter code of the language the classifier read it in."""
    model: str
    """Name and version of the model that decided."""
    uncertain: bool = False
    """The classifier would not bet on its label: a person had better look."""
    reclassified: bool = False
    """A later verdict on a mention known before: it never pages as new."""


class ClassifiedMention(Mention, frozen=True, kw_only=True):
    """A mention with its classification."""

    classification: Classification


class Measured(_Event, frozen=True, kw_only=True):
    """One criterion of a level: what was measured against what the level asks."""

    name: str
    """As the table of levels calls it, for example `voices`."""
    value: float
    needed: float | None = None
    """What the present level asks for; None where it asks for nothing."""
    next: float | None = None
    """What the next level asks for; None where it asks for nothing, or there is none."""
    holds: bool


class IncidentOpened(_Event, frozen=True, kw_only=True, tag_field="event", tag="opened"):
    """The first signal of something new: an incident exists."""

    incident: str
    at: datetime
    watch: str
    theme: str
    title: str
    level: int
    """Level 0 to 6 on the Shitstorm-Skala (Graf & Schwede 2012)."""
    playbook: str
    rule: str
    mention: str
    why: str
    """The named reason, for example `rule danger: label:crisis_candidate severity>=0.7`."""
    numbers: dict[str, float] = {}
    """What the detector measured, when `rule` is a detector's name."""
    measures: tuple[Measured, ...] = ()
    """Which criteria of the level hold, when it was measured."""


class SignalJoined(_Event, frozen=True, kw_only=True, tag_field="event", tag="signal_joined"):
    """A further signal of the same watch and theme joined the open incident."""

    incident: str
    at: datetime
    rule: str
    mention: str
    why: str
    numbers: dict[str, float] = {}
    """What the detector measured, when `rule` is a detector's name."""


class LevelChanged(_Event, frozen=True, kw_only=True, tag_field="event", tag="level_changed"):
    incident: str
    at: datetime
    level: int
    why: str
    by: str | None = None
    """The person who set it; None when signals did."""
    rule: str | None = None
    """The rule whose signal raised it, or `level` where it was measured; None when a person set
    it."""
    again: bool = False
    """It rose anew after a day of calm, perhaps to no more than it was."""
    measures: tuple[Measured, ...] = ()
    """Which criteria of the level hold, when it was measured."""


class Acknowledged(_Event, frozen=True, kw_only=True, tag_field="event", tag="acknowledged"):
    """A person has taken it."""

    incident: str
    at: datetime
    by: str


class Assigned(_Event, frozen=True, kw_only=True, tag_field="event", tag="assigned"):
    incident: str
    at: datetime
    to: str
    by: str


class Noted(_Event, frozen=True, kw_only=True, tag_field="event", tag="noted"):
    incident: str
    at: datetime
    by: str
    text: str


class StepDone(_Event, frozen=True, kw_only=True, tag_field="event", tag="step_done"):
    """A step of the playbook's checklist was done."""

    incident: str
    at: datetime
    by: str
    step: str


class Paged(_Event, frozen=True, kw_only=True, tag_field="event", tag="paged"):
    """A page was handed to a channel's outbox, with its idempotency key."""

    incident: str
    at: datetime
    channel: str
    page: str
    why: str
    to: str = ""
    """Whom it is for, as the configuration names them: `person:anna`, `channel:crisis-room`."""
    cause: PageCause = "opened"


class PageDelivered(_Event, frozen=True, kw_only=True, tag_field="event", tag="page_delivered"):
    incident: str
    at: datetime
    channel: str
    page: str
    attempts: int
    to: str = ""
    cause: PageCause = "opened"


class PageFailed(_Event, frozen=True, kw_only=True, tag_field="event", tag="page_failed"):
    """The channel refused the page for good, or its time ran out."""

    incident: str
    at: datetime
    channel: str
    page: str
    why: str
    to: str = ""
    cause: PageCause = "opened"


class Rated(_Event, frozen=True, kw_only=True, tag_field="event", tag="rated"):
    """A person said whether it was worth the page. Thresholds are proposed from that, and never
    changed by it."""

    incident: str
    at: datetime
    by: str
    noise: bool
    why: str


class Resolved(_Event, frozen=True, kw_only=True, tag_field="event", tag="resolved"):
    incident: str
    at: datetime
    by: str
    why: str


class SourceHealthChanged(_Event, frozen=True, kw_only=True):
    """A source has been ill for longer than a moment, is ill in another way, or is well again."""

    source: str
    """Its id in the configuration."""
    kind: str | None = None
    """The kind of source; None when it has left the configuration, and is well for that reason."""
    at: datetime
    health: str
    """`auth_failed`, `blocked`, `silent` and so on: what the sources of the API show."""
    reason: str | None = None
    """A sentence for people, with no credentials in it."""
    well: bool
    since: datetime
    """Since when it is so."""


IncidentEvent: TypeAlias = (
    IncidentOpened
    | SignalJoined
    | LevelChanged
    | Acknowledged
    | Assigned
    | Noted
    | StepDone
    | Paged
    | PageDelivered
    | PageFailed
    | Rated
    | Resolved
)
Event: TypeAlias = (
    Mention
    | MentionDeleted
    | ClassifiedMention
    | LabelCorrected
    | IncidentEvent
    | SourceHealthChanged
)

_TYPES: Final[dict[str, type[Any]]] = {
    "mention.collected.v1": Mention,
    "mention.deleted.v1": MentionDeleted,
    "mention.classified.v1": ClassifiedMention,
    "mention.label_corrected.v1": LabelCorrected,
    "incident.opened.v1": IncidentOpened,
    "incident.signal_joined.v1": SignalJoined,
    "incident.level_changed.v1": LevelChanged,
    "incident.acknowledged.v1": Acknowledged,
    "incident.assigned.v1": Assigned,
    "incident.noted.v1": Noted,
    "incident.step_done.v1": StepDone,
    "incident.paged.v1": Paged,
    "incident.page_delivered.v1": PageDelivered,
    "incident.page_failed.v1": PageFailed,
    "incident.rated.v1": Rated,
    "incident.resolved.v1": Resolved,
    "source.health_changed.v1": SourceHealthChanged,
}
EVENT_TYPES: Final = tuple(_TYPES)
"""Every CloudEvents `type` there is, in the order of the streams."""
_NAMES: Final = {struct: name for name, struct in _TYPES.items()}
_DECODERS: Final = {name: msgspec.json.Decoder(struct) for name, struct in _TYPES.items()}
_ENCODER: Final = msgspec.json.Encoder()


def event_struct(event_type: str) -> type[Any]:
    """The struct behind a CloudEvents type. Raises KeyError for an unknown one."""
    return _TYPES[event_type]


def mention_id(platform: str, native_id: str, watch: str) -> str:
    """The id of a mention: 32 hex digits that depend on the post and the watch only."""
    identity = "\x1f".join((platform, native_id, watch))
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


def to_json(event: msgspec.Struct) -> bytes:
    """The event as the log carries it."""
    return _ENCODER.encode(event)


def to_message(topic: str, key: str, event: Event, *, service: str) -> Message:
    """The event as a CloudEvent for `topic`; `service` is the `ce_source`.

    `ce_id` is a hash of the value, so that a repeat of the same fact carries the same id.
    """
    value = _ENCODER.encode(event)
    return Message(
        topic=topic,
        key=key,
        value=value,
        headers=(
            ("ce_id", hashlib.blake2b(value, digest_size=16).hexdigest().encode()),
            ("ce_type", _NAMES[type(event)].encode()),
            ("ce_source", b"/" + service.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_time", _occurred_at(event).isoformat().encode()),
            ("content-type", b"application/json"),
        ),
    )


def from_record(record: Record) -> Event | None:
    """The event a record carries; None for a tombstone (a null value).

    Raises UnknownEvent when its type is not ours, InvalidEvent when the value does not fit.
    """
    if record.value is None:
        return None
    event_type = header(record, "ce_type")
    decoder = _DECODERS.get(event_type or "")
    if decoder is None:
        raise UnknownEvent(f"unknown event type {event_type!r}")
    try:
        event: Event = decoder.decode(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"{event_type}: {error}") from error
    return event


def _occurred_at(event: Event) -> datetime:
    if isinstance(event, Mention):
        return event.collected_at
    if isinstance(event, MentionDeleted):
        return event.deleted_at
    return event.at
