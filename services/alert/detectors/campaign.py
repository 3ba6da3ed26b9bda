"""Finds posts of different authors that say nearly the same, and says when that looks made.

Every text with enough substance is remembered for a while as a sketch of 16 bytes
(`similarity.py`). One that is at least 0.8 similar to a remembered text of somebody else founds a
cluster with it, or joins the cluster that text is in. A cluster keeps the sketches of its first
wordings and the running sums of the tell-tale signs (`telltale.py`), no text and no post.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import tzinfo
from typing import Final, NamedTuple

import msgspec

from libs.common.events import ClassifiedMention
from services.alert.detector import LATE_SECONDS, Finding
from services.alert.detectors.similarity import Sketch, agreement, estimated, nearest, sketch
from services.alert.detectors.telltale import (
    CRITICAL,
    FEWEST_AUTHORS,
    PRESS,
    SHARED,
    Post,
    Tally,
    post_of,
    signs_in,
    surprise,
    suspicious,
)

JOINS: Final = 41
"""Minima two sketches must agree in. At a similarity of 0.8 they agree in 48 of 64 on average, with
a standard deviation of 3.5: two below that, so that 98 % of such pairs are found."""
NEW_WORDING: Final = 57
"""Below so much agreement, a similarity of 0.92, a copy is kept as a further wording."""
CRITICAL_TEXTS: Final = 224
OTHER_TEXTS: Final = 112
"""So many texts of either sort are remembered; ordinary talk does not push out criticism."""
CLUSTERS: Final = 14
WORDINGS: Final = 3
TEXT_SECONDS: Final = 7 * 86_400
"""For so long a text without a copy is remembered, unless newer ones push it out."""
CLUSTER_SECONDS: Final = 14 * 86_400
"""For so long after its last post a cluster takes in further ones."""
GROWN: Final = 4
"""A cluster is told of again when it has so many times the copies it had."""

_WORDING_ROWS: Final = CLUSTERS * WORDINGS
_TEXTS: Final = CRITICAL_TEXTS + OTHER_TEXTS
_ROWS: Final = _WORDING_ROWS + _TEXTS
_SINGLE: Final = struct.Struct("<IIIH")
"""Author, time, stem and signs of a remembered text."""
_SKETCH: Final = struct.Struct("<Q")
_LATEST: Final = 2**32 - 1
_NOBODY: Final = Post(0, 0, 0, 0)


class Copy(NamedTuple):
    """What became of a mention.

    cluster: the number of the cluster it belongs to, None for a text that nobody else has said so
        far. It is below 2**48 and follows from the cluster's first post.
    copied: somebody else was first to say it.
    similarity: to the most similar text of the cluster, estimated.
    finding: once when the cluster becomes suspicious, and again when it is four times as large.
    size: posts of the cluster so far.
    """

    cluster: int | None = None
    copied: bool = False
    similarity: float = 0.0
    finding: Finding | None = None
    size: int = 0


ALONE: Final = Copy()


class Cluster(msgspec.Struct, array_like=True):
    """number: see `Copy`. author: of the first post. seen: when the last post came, shared ones
    too. wordings: how many are kept. told: its copies when last found suspicious."""

    number: int
    author: int
    seen: int
    wordings: int
    tally: Tally
    told: int = 0


class Campaign(msgspec.Struct):
    """What is remembered of one watch; about 12 kB as msgpack, whatever comes.

    low, high: the sketches, 8 bytes a row each: first `WORDINGS` rows for every cluster, then the
    texts without a copy, critical ones first. singles: who wrote those, when, with which signs.
    next_critical, next_other: the place in its ring that is written next.
    """

    low: bytearray = msgspec.field(default_factory=lambda: bytearray(8 * _ROWS))
    high: bytearray = msgspec.field(default_factory=lambda: bytearray(8 * _ROWS))
    singles: bytearray = msgspec.field(default_factory=lambda: bytearray(_SINGLE.size * _TEXTS))
    next_critical: int = 0
    next_other: int = 0
    clusters: list[Cluster | None] = msgspec.field(default_factory=lambda: [None] * CLUSTERS)
    clock: int = 0

    def fold(self, mention: ClassifiedMention, at: float, zone: tzinfo) -> Copy:
        """Takes the mention in, once. `at` is in seconds since 1970; `zone` tells odd hours.

        Hints are not looked at: people of the house may well report the same in the same words.
        """
        if mention.kind == "hint":
            return ALONE
        drawn = sketch(mention.text or mention.title or "")
        if mention.kind == "article":
            self._note_headline(mention, at, zone)
        if drawn is None:
            return ALONE
        post = post_of(mention, at, zone, drawn.letters)
        self.clock = max(self.clock, post.at)
        place = self._most_alike(drawn)
        if place is None:
            self._remember(drawn, post)
            return ALONE
        row, similarity = place
        if row >= _WORDING_ROWS and self._single(row).author == post.author:
            self._refresh(row, post.at)
            return ALONE
        slot = row // WORDINGS if row < _WORDING_ROWS else self._free_slot()
        cluster = self.clusters[slot] if row < _WORDING_ROWS else self._found(slot, row)
        if cluster is None:
            return ALONE
        cluster.tally.add(post, similarity)
        cluster.seen = max(cluster.seen, post.at)
        self._keep_wording(slot, cluster, drawn, post)
        finding = None if self._is_late(mention, at) else _told(cluster, at)
        copied, size = post.author != cluster.author, cluster.tally.size
        return Copy(cluster.number, copied, similarity, finding, size)

    def _most_alike(self, drawn: Sketch) -> tuple[int, float] | None:
        """The row of the most similar text, and the similarity. What it meets that is too old is
        forgotten."""
        row, agreeing = nearest(self.low, self.high, drawn)
        while agreeing >= JOINS:
            if self._is_known(row):
                return row, estimated(agreeing)
            self._forget(row)
            row, agreeing = nearest(self.low, self.high, drawn)
        return None

    def _is_known(self, row: int) -> bool:
        if row >= _WORDING_ROWS:
            return self.clock - self._single(row).at <= TEXT_SECONDS
        cluster = self.clusters[row // WORDINGS]
        return cluster is not None and self.clock - cluster.seen <= CLUSTER_SECONDS

    def _forget(self, row: int) -> None:
        if row < _WORDING_ROWS:
            self._clear(row // WORDINGS)
        else:
            self._write_sketch(row, 0, 0)
            self._write_single(row, _NOBODY)

    def _remember(self, drawn: Sketch, post: Post) -> None:
        """In the place of the oldest of its sort, unless it is too old itself."""
        if self.clock - post.at > TEXT_SECONDS:
            return
        if post.signs & CRITICAL:
            place = self.next_critical
            self.next_critical = (place + 1) % CRITICAL_TEXTS
        else:
            place = CRITICAL_TEXTS + self.next_other
            self.next_other = (self.next_other + 1) % OTHER_TEXTS
        self._write_sketch(_WORDING_ROWS + place, drawn.low, drawn.high)
        self._write_single(_WORDING_ROWS + place, post)

    def _note_headline(self, mention: ClassifiedMention, at: float, zone: tzinfo) -> None:
        """An article's headline: posts that only repeat it pass it on."""
        headline = sketch(mention.title or "")
        if headline is None or not mention.text:
            return
        post = post_of(mention, at, zone, headline.letters)
        self.clock = max(self.clock, post.at)
        place = self._most_alike(headline)
        if place is None:
            self._remember(headline, post)
            return
        row, _ = place
        if row >= _WORDING_ROWS:
            known = self._single(row)
            marked = msgspec.structs.replace(known, signs=known.signs | PRESS)
            self._write_single(row, marked)
        elif (cluster := self.clusters[row // WORDINGS]) is not None:
            cluster.tally.press = True

    def _refresh(self, row: int, at: int) -> None:
        known = self._single(row)
        self._write_single(row, msgspec.structs.replace(known, at=max(known.at, at)))

    def _found(self, slot: int, row: int) -> Cluster:
        """Makes a remembered text the first of a cluster in that slot."""
        self._clear(slot)
        low, high = self._sketch(row)
        first = self._single(row)
        identity = struct.pack("<QQII", low, high, first.author, first.at)
        number = int.from_bytes(hashlib.blake2b(identity, digest_size=6).digest(), "big")
        tally = Tally(press=bool(first.signs & PRESS))
        tally.add(first, 1.0)
        cluster = Cluster(number, first.author, first.at, 1, tally)
        self.clusters[slot] = cluster
        self._write_sketch(slot * WORDINGS, low, high)
        self._forget(row)
        return cluster

    def _free_slot(self) -> int:
        """An empty one, or that of the forgotten, else smallest, else oldest cluster."""

        def worth(slot: int) -> tuple[int, int, int, int]:
            cluster = self.clusters[slot]
            if cluster is None:
                return (0, 0, 0, 0)
            if self.clock - cluster.seen > CLUSTER_SECONDS:
                return (0, 0, 0, cluster.seen)
            size = min(FEWEST_AUTHORS, cluster.tally.copies) + cluster.told
            return (1, size, min(FEWEST_AUTHORS, cluster.tally.shared), cluster.seen)

        return min(range(CLUSTERS), key=worth)

    def _keep_wording(self, slot: int, cluster: Cluster, drawn: Sketch, post: Post) -> None:
        agreeing = agreement(drawn, self._sketch(slot * WORDINGS))
        if cluster.wordings < WORDINGS and agreeing < NEW_WORDING and not post.signs & SHARED:
            self._write_sketch(slot * WORDINGS + cluster.wordings, drawn.low, drawn.high)
            cluster.wordings += 1

    def _is_late(self, mention: ClassifiedMention, at: float) -> bool:
        """What comes late is taken in, and never the reason to tell."""
        collected = mention.collected_at.timestamp()
        return mention.backfill or max(collected, self.clock) - at > LATE_SECONDS

    def _clear(self, slot: int) -> None:
        self.clusters[slot] = None
        for row in range(slot * WORDINGS, (slot + 1) * WORDINGS):
            self._write_sketch(row, 0, 0)

    def _sketch(self, row: int) -> tuple[int, int]:
        return _SKETCH.unpack_from(self.low, 8 * row)[0], _SKETCH.unpack_from(self.high, 8 * row)[0]

    def _write_sketch(self, row: int, low: int, high: int) -> None:
        _SKETCH.pack_into(self.low, 8 * row, low)
        _SKETCH.pack_into(self.high, 8 * row, high)

    def _single(self, row: int) -> Post:
        author, at, alike, signs = _SINGLE.unpack_from(
            self.singles, _SINGLE.size * (row - _WORDING_ROWS)
        )
        return Post(author, at, signs, alike)

    def _write_single(self, row: int, post: Post) -> None:
        at = min(max(0, post.at), _LATEST)
        offset = _SINGLE.size * (row - _WORDING_ROWS)
        _SINGLE.pack_into(self.singles, offset, post.author, at, post.stem, post.signs)


def _told(cluster: Cluster, at: float) -> Finding | None:
    tally = cluster.tally
    if tally.copies < max(FEWEST_AUTHORS, GROWN * cluster.told) or not suspicious(tally):
        return None
    cluster.told = tally.copies
    numbers = tally.numbers()
    numbers["cluster"] = float(cluster.number)
    numbers["signs"] = float(len(signs_in(numbers)))
    return Finding("campaign", at, surprise(tally), numbers)
