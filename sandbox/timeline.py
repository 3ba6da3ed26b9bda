"""What the sandbox's sites show at a moment: the story up to now, and what was added by hand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import shorten
from typing import Final

import msgspec

from libs.common.clock import Clock
from sandbox.story import Feed, Post, Story

FEEDS: Final[tuple[Feed, ...]] = ("forum", "news", "reviews")
ENCORE_AFTER: Final = timedelta(minutes=15)
"""So long after its end a remembered story starts anew instead of going on."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Entry:
    """A post as its site shows it.

    id: the site's own, different in every play of the story. changed_at: when the entry came to
    be what it is now, so never before it was shown.
    """

    id: str
    post: Post
    title: str
    thread: str
    in_reply_to: str | None
    published_at: datetime
    changed_at: datetime


class Unknown(LookupError):
    """No entry with this id is shown."""


class Timeline:
    """Plays one story from `started` on, `speed` times as fast as written.

    The posts from before the start keep their distance to it at any speed.
    """

    def __init__(
        self, story: Story, clock: Clock, *, started: datetime | None = None, speed: float = 1.0
    ) -> None:
        self._clock = clock
        self.story = story
        self.started = started or clock()
        self.speed = speed
        self._play = _base36(int(self.started.timestamp()))
        self._openers: dict[tuple[Feed, str], Entry] = {}
        self._numbers = dict.fromkeys(FEEDS, 0)
        self._removed: dict[str, tuple[Feed, datetime]] = {}
        self._entries: dict[Feed, list[Entry]] = {feed: [] for feed in FEEDS}
        for post in story.posts:
            at = self.started + timedelta(seconds=post.at / (speed if post.at > 0 else 1.0))
            self._entries[post.feed].append(self._entry(post, at, at))

    @property
    def position(self) -> float:
        """Seconds of the story that have been played."""
        return (self._clock() - self.started).total_seconds() * self.speed

    def shown(self, feed: Feed) -> Sequence[Entry]:
        """The feed's entries, in the order in which they appeared or last changed."""
        entries = self._entries[feed]
        return entries[: bisect_right(entries, self._clock(), key=lambda entry: entry.changed_at)]

    def thread(self, feed: Feed, thread: str) -> Sequence[Entry]:
        """The entries of one thread in the order of their publication; empty if there is none."""
        entries = [entry for entry in self.shown(feed) if entry.thread == thread]
        return sorted(entries, key=lambda entry: entry.published_at)

    def changed_at(self, feed: Feed) -> datetime:
        """When the feed last gained, changed or lost an entry; the start when it never did."""
        shown = self.shown(feed)
        times = [at for of, at in self._removed.values() if of == feed]
        return max([*times, shown[-1].changed_at if shown else self.started])

    def add(self, post: Post, published_at: datetime | None = None) -> Entry:
        """Shows a further post from now on; its `at` is ignored."""
        now = self._clock()
        entry = self._entry(post, published_at or now, now)
        self._show(entry)
        return entry

    def edit(self, entry_id: str, text: str) -> Entry:
        """The author changes the text. Raises Unknown."""
        old = self._take(entry_id)
        entry = replace(
            old, post=msgspec.structs.replace(old.post, text=text), changed_at=self._clock()
        )
        self._show(entry)
        return entry

    def remove(self, entry_id: str) -> None:
        """The author deletes it. Raises Unknown."""
        entry = self._take(entry_id)
        self._removed[entry_id] = (entry.post.feed, self._clock())

    def is_removed(self, entry_id: str) -> bool:
        return entry_id in self._removed

    def _entry(self, post: Post, published_at: datetime, changed_at: datetime) -> Entry:
        self._numbers[post.feed] += 1
        entry_id = f"{post.feed[0]}{self._play}-{self._numbers[post.feed]:04}"
        thread = post.thread or entry_id
        opener = self._openers.get((post.feed, thread))
        entry = Entry(
            id=entry_id,
            post=post,
            title=_title(post, opener),
            thread=thread,
            in_reply_to=opener.id if opener else None,
            published_at=published_at,
            changed_at=changed_at,
        )
        self._openers.setdefault((post.feed, thread), entry)
        return entry

    def _show(self, entry: Entry) -> None:
        entries = self._entries[entry.post.feed]
        at = bisect_right(entries, entry.changed_at, key=lambda other: other.changed_at)
        entries.insert(at, entry)

    def _take(self, entry_id: str) -> Entry:
        for feed in FEEDS:
            for index, entry in enumerate(self.shown(feed)):
                if entry.id == entry_id:
                    return self._entries[feed].pop(index)
        raise Unknown(entry_id)


def remembered_start(path: Path, now: datetime, length: timedelta) -> datetime:
    """When the story began, kept in `path`, so that a restart goes on where it was.

    A story of this length that ended long ago starts anew.
    """
    try:
        started = datetime.fromisoformat(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        started = None
    if started and started.tzinfo and started <= now < started + length + ENCORE_AFTER:
        return started
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(now.astimezone(UTC).isoformat(), encoding="utf-8")
    return now


def _title(post: Post, opener: Entry | None) -> str:
    if post.title is not None:
        return f"{post.about}: {post.title}" if post.about else post.title
    if opener is not None:
        return f"Re: {opener.title}"
    return post.about or shorten(post.text, 60, placeholder=" …")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
