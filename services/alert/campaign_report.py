"""The evidence for a suspected campaign, in no language yet: what `campaign_markdown` writes out.

Made of the stored mentions of one cluster, and of nothing else: what has been deleted or erased
there is not in it. Accounts and addresses of third people that stand in a text are masked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from libs.common.events import Author, ClassifiedMention, Rating
from libs.common.masking import masked
from services.alert.detectors.campaign import JOINS
from services.alert.detectors.similarity import (
    MOST_LETTERS,
    agreement,
    letters_of,
    similarity,
    sketch,
)
from services.alert.detectors.telltale import (
    BRIEF,
    CLOSE_SECONDS,
    EVERYMAN,
    EXTREME,
    MEASURES,
    ODD,
    SHARED,
    THIN,
    VERBATIM,
    Measure,
    Post,
    SignName,
    Tally,
    holds,
    is_known,
    post_of,
    signs_in,
)

COMPARED: Final = 50
"""Among so many of the first posts the representative is sought: each is compared with each."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One post of the cluster.

    number: its place in the order of time, from 1; `Evidence.posts` refers to it.
    author: its name and handle, as far as the mention has them. author_number: equal for equal
        authors, from 1; None for an unknown one.
    similarity: to the representative, 0 to 1, exact.
    repeated: its author is counted already. shared: passed on, not written.
    """

    number: int
    mention: str
    at: datetime
    author: str | None
    author_number: int | None
    platform: str
    similarity: float
    rating: Rating | None
    text: str
    url: str | None
    repeated: bool
    shared: bool


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One measured sign: `count` of the `of` posts for which it can be told show it, and which.

    known: it can be told of enough posts to say anything. share: 0 to 1.
    """

    measure: str
    sign: SignName
    known: bool
    holds: bool
    count: int
    of: int
    share: float
    posts: tuple[int, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The document. numbers: named as in the detector's finding, counted exactly.

    representative: the number of the post that is most like the others.
    """

    watch: str
    zone: str
    first: datetime
    last: datetime
    representative: int
    numbers: dict[str, float]
    signs: tuple[SignName, ...]
    evidence: tuple[Evidence, ...]
    posts: tuple[Row, ...]


class _Reading(msgspec.Struct, frozen=True):
    """The mentions in the order of time, what each shows, how alike it is to the representative.

    written: the places of the posts that count: the first of every author who wrote himself.
    """

    mentions: list[ClassifiedMention]
    posts: list[Post]
    central: int
    alike: list[float]
    written: list[int]

    @property
    def copies(self) -> list[Post]:
        return [self.posts[place] for place in self.written]


def campaign_report(members: Sequence[ClassifiedMention], watch: str, zone: ZoneInfo) -> Report:
    """The report about these mentions of one cluster, in whatever order they come.

    `watch` is its name for people. Raises ValueError when there are no mentions.
    """
    if not members:
        raise ValueError("a campaign report needs at least one mention")
    reading = _read(members, zone)
    numbers = _numbers(reading)
    return Report(
        watch=watch,
        zone=zone.key,
        first=reading.mentions[0].published_at,
        last=reading.mentions[-1].published_at,
        representative=reading.central + 1,
        numbers=numbers,
        signs=signs_in(numbers),
        evidence=tuple(_evidence(measure, reading, numbers) for measure in MEASURES),
        posts=_rows(reading),
    )


def members_of_cluster(
    tipped: ClassifiedMention, candidates: Sequence[ClassifiedMention]
) -> list[ClassifiedMention]:
    """Those of the watch's stored mentions that say the same as the mention that tipped the
    detector, or as one that does: by the detector's own measure, hints left out.

    A cluster's first post is not known as such when it comes, so what was noted then is not enough.
    Candidates are those since `first` of the finding's numbers.
    """
    start = sketch(_text(tipped))
    if start is None:
        return [tipped]
    drawn = [(one, sketch(_text(one))) for one in candidates if one.kind != "hint"]
    open_ones = [(one, found) for one, found in drawn if found is not None]
    members: list[ClassifiedMention] = []
    wordings = {(start.low, start.high)}
    known: set[tuple[int, int]] = set()
    while fresh := wordings - known:
        known |= fresh
        joined = [
            (one, found)
            for one, found in open_ones
            if any(agreement(found, bits) >= JOINS for bits in fresh)
        ]
        members += [one for one, _ in joined]
        taken = {one.id for one, _ in joined}
        open_ones = [(one, found) for one, found in open_ones if one.id not in taken]
        wordings |= {(found.low, found.high) for _, found in joined}
    return members if any(one.id == tipped.id for one in members) else [tipped, *members]


def _read(members: Sequence[ClassifiedMention], zone: ZoneInfo) -> _Reading:
    mentions = sorted(members, key=lambda one: (one.published_at, one.id))
    posts = [
        post_of(one, one.published_at.timestamp(), zone, letters_of(_text(one))) for one in mentions
    ]
    central = _most_central(mentions, posts)
    alike = [similarity(_text(one), _text(mentions[central])) for one in mentions]
    return _Reading(mentions, posts, central, alike, _written(posts))


def _text(mention: ClassifiedMention) -> str:
    return mention.text or mention.title or ""


def _most_central(mentions: Sequence[ClassifiedMention], posts: Sequence[Post]) -> int:
    """The place of the post most like the others, the first of equals; of a post that somebody
    wrote, where there is one."""
    written = _written(posts) or list(range(len(posts)))
    texts = [_text(mentions[place]) for place in written[:COMPARED]]
    sums = [sum(similarity(text, other) for other in texts) for text in texts]
    return written[sums.index(max(sums))]


def _written(posts: Sequence[Post]) -> list[int]:
    firsts: dict[int, int] = {}
    for place, post in enumerate(posts):
        if not post.signs & SHARED:
            firsts.setdefault(post.author, place)
    return list(firsts.values())


def _numbers(reading: _Reading) -> dict[str, float]:
    """As the detector sums them up, with what it only estimates counted."""
    tally = Tally()
    for place in reading.written:
        tally.add(reading.posts[place], reading.alike[place])
    shared = sum(bool(post.signs & SHARED) for post in reading.posts)
    others = [reading.alike[place] for place in reading.written if place != reading.central]
    exact = {
        "authors": float(len(reading.written)),
        "shared": float(shared),
        "repeats": float(len(reading.posts) - shared - len(reading.written)),
        "similarity": sum(others) / max(1, len(others)),
        "alike_share": len(_showing("alike", reading)) / max(1, len(reading.written)),
    }
    return tally.numbers() | exact


def _evidence(measure: Measure, reading: _Reading, numbers: dict[str, float]) -> Evidence:
    showing = _showing(measure.name, reading)
    of = int(numbers[measure.of])
    return Evidence(
        measure=measure.name,
        sign=measure.sign,
        known=is_known(measure, numbers),
        holds=holds(measure, numbers),
        count=len(showing),
        of=max(0, of - 1) if measure.name in ("close", "verbatim") else of,
        share=numbers[measure.number],
        posts=tuple(place + 1 for place in showing),
    )


def _showing(measure: str, reading: _Reading) -> list[int]:
    """The places of the posts that show it."""
    if measure == "alike":
        return _alike_handles(reading)
    if measure == "close":
        return [
            later
            for earlier, later in pairwise(reading.written)
            if reading.posts[later].at - reading.posts[earlier].at <= CLOSE_SECONDS
        ]
    if measure == "verbatim":
        return [
            place
            for place in reading.written
            if place != reading.central and reading.alike[place] >= VERBATIM
        ]
    sign = {
        "everyman": EVERYMAN,
        "thin": THIN,
        "odd_hours": ODD,
        "extreme": EXTREME,
        "brief": BRIEF,
    }[measure]
    return [place for place in reading.written if reading.posts[place].signs & sign]


def _alike_handles(reading: _Reading) -> list[int]:
    """Those whose handle is, without its digits, the commonest; none when all are different."""
    stems = Counter(post.stem for post in reading.copies if post.stem)
    [(commonest, count)] = stems.most_common(1) or [(0, 0)]
    if count < 2:
        return []
    return [place for place in reading.written if reading.posts[place].stem == commonest]


def _called(author: Author | None) -> str | None:
    if author is None:
        return None
    if author.name and author.handle:
        return f"{author.name} ({author.handle})"
    return author.name or author.handle


def _rows(reading: _Reading) -> tuple[Row, ...]:
    written = set(reading.written)
    authors: dict[str, int] = {}
    rows = []
    for place, mention in enumerate(reading.mentions):
        author = mention.author
        shared = bool(reading.posts[place].signs & SHARED)
        rows.append(
            Row(
                number=place + 1,
                mention=mention.id,
                at=mention.published_at,
                author=_called(author),
                author_number=authors.setdefault(author.key, len(authors) + 1) if author else None,
                platform=mention.platform,
                similarity=reading.alike[place],
                rating=mention.rating,
                text=masked(_text(mention)[:MOST_LETTERS]),
                url=mention.url,
                repeated=not shared and place not in written,
                shared=shared,
            )
        )
    return tuple(rows)
