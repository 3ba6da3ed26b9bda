"""What a query is asked about, and how its fields are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from libs.common.events import Classification, Engagement, Label, Rating

BEST_RATING = 5.0
LARGEST_REACH = 2**53
"""A larger reach counts as this: what a double holds exactly, and any event may say."""


class Writer(Protocol):
    """Who wrote a post. `Author` fits; its `key` is read where it exists."""

    @property
    def handle(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def followers(self) -> int | None: ...


class Judgement(Protocol):
    """What a person says a post is; it goes before what the classifier says."""

    @property
    def label(self) -> Label: ...
    @property
    def severity(self) -> float: ...


class Subject(Protocol):
    """A post. `Mention` and `ClassifiedMention` fit; `classification` and `corrected`, a person's
    Judgement, are read where they exist."""

    @property
    def title(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def source(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def author(self) -> Writer | None: ...
    @property
    def lang(self) -> str | None: ...
    @property
    def rating(self) -> Rating | None: ...
    @property
    def engagement(self) -> Engagement | None: ...
    @property
    def place(self) -> str | None: ...
    @property
    def published_at(self) -> datetime: ...
    @property
    def in_reply_to(self) -> str | None: ...
    @property
    def backfill(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """The values that `Column` conditions of a narrowing compare. A store keeps these."""

    source: str
    """In lower case, as is the platform."""
    platform: str
    kind: str
    lang: str | None
    """Primary language subtag in lower case, for example `de`."""
    label: str | None
    severity: float | None
    reach: float | None
    rating: float | None
    """Stars on the scale to five."""
    published_at: datetime


def columns(subject: Subject) -> Columns:
    language = lang(subject)
    return Columns(
        source=subject.source.lower(),
        platform=subject.platform.lower(),
        kind=subject.kind,
        lang=language.partition("-")[0] if language else None,
        label=label(subject),
        severity=severity(subject),
        reach=reach(subject),
        rating=rating(subject),
        published_at=subject.published_at,
    )


def classification(subject: Subject) -> Classification | None:
    """The classifier's verdict; None before there is one."""
    verdict: Classification | None = getattr(subject, "classification", None)
    return verdict


def lang(subject: Subject) -> str | None:
    """The language in lower case: what the platform says, else what the classifier read."""
    language = subject.lang
    if not language:
        verdict = classification(subject)
        language = verdict.lang if verdict else None
    return language.lower().replace("_", "-") if language else None


def reach(subject: Subject) -> float | None:
    """How many people may have seen it: the author's followers or the views, what is more."""
    author, engagement = subject.author, subject.engagement
    followers = author.followers if author is not None else None
    views = engagement.views if engagement is not None else None
    known = [count for count in (followers, views) if count is not None]
    return float(max(0, min(max(known), LARGEST_REACH))) if known else None


def rating(subject: Subject) -> float | None:
    """The stars on the scale to five, whatever scale the platform uses."""
    stars = subject.rating
    if stars is None or stars.best <= 0:
        return None
    return min(max(stars.value * BEST_RATING / stars.best, 0.0), BEST_RATING)


def label(subject: Subject) -> Label | None:
    judged = _judgement(subject)
    return judged.label if judged is not None else None


def severity(subject: Subject) -> float | None:
    judged = _judgement(subject)
    return judged.severity if judged is not None else None


def _judgement(subject: Subject) -> Judgement | None:
    """The person's, else the classifier's."""
    corrected: Judgement | None = getattr(subject, "corrected", None)
    return classification(subject) if corrected is None else corrected


def host(subject: Subject) -> str | None:
    """The host of the post's address in lower case, without `www.`."""
    if not subject.url:
        return None
    try:
        name = urlsplit(subject.url).hostname
    except ValueError:
        return None
    return name.removeprefix("www.").rstrip(".") if name else None
