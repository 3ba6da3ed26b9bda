"""Hashtags as a stream: posts, edits and deletions at once.

The stream's events have no numbers, so it cannot be asked for what was missed: once it stands, the
timelines close the gap.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from services.ingest.collectors.mastodon.instance import PLATFORM, Instance, looks_like_a_page
from services.ingest.collectors.mastodon.statuses import post_of
from services.ingest.collectors.mastodon.timelines import OVERLAP, Timelines
from services.ingest.failure import TooLarge
from services.ingest.post import Deletion, Page, Post
from services.ingest.reading.memory import changed, cursor_of, remembered
from services.ingest.reading.streaming import side_by_side, together
from services.ingest.reading.sweep import Sweep
from services.ingest.reading.wire import unix_seconds

_WITHIN: Final = 0.25
"""Seconds that posts wait for others to go on with."""
_LONGEST_DATA: Final = 4 * 1024 * 1024
_MOST_SEEN: Final = 300
_MOST_IDS: Final = 300
"""Posts whose id is remembered: the stream names deleted posts by the instance's id."""

What: TypeAlias = Literal["open", "alive", "post", "deletion"]


class _Cursor(Sweep, frozen=True, kw_only=True, omit_defaults=True):
    """That of the timelines, so that a reading may go on in either mode; ids: the addresses of
    posts that the stream brought, by the instance's id."""

    ids: dict[str, str] = msgspec.field(default_factory=dict)


class _Event(NamedTuple):
    what: What
    data: bytes = b""


class HashtagStream:
    """Listens to every hashtag at once. Of posts that came before, deletions are asked for."""

    def __init__(
        self,
        instance: Instance,
        timelines: Timelines,
        tags: Sequence[str],
        streaming: str | None,
        quiet: float,
    ) -> None:
        self._instance = instance
        self._timelines = timelines
        self._tags = tags
        self._streaming = streaming
        self._quiet = quiet

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        streaming = self._streaming or await self._instance.streaming_address()
        events = side_by_side([self._events(streaming, tag) for tag in self._tags])
        held: list[_Event] = []
        async with aclosing(together(events, within=_WITHIN)) as batches:
            async for batch in batches:
                held += batch
                if sum(event.what == "open" for event in held) == len(self._tags):
                    break
            else:
                return
            async with aclosing(self._missed(cursor)) as missed:
                async for page in missed:
                    yield page
                    cursor = page.cursor
            page = self._page(held, cursor)
            yield page
            async for batch in batches:
                page = self._page(batch, page.cursor)
                yield page

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        return await self._timelines.deleted(native_ids)

    async def _missed(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        """What the timelines have since then. A sweep that had begun before the stream stood is
        followed by another one."""
        last = remembered(cursor, _Cursor)
        ids = last.ids if last else {}
        for _ in range(2 if last is not None and last.is_underway else 1):
            while True:
                page = await self._timelines.collect(cursor)
                cursor = _with_ids(page.cursor, ids)
                yield Page(posts=page.posts, cursor=cursor, health=page.health)
                if not page.more:
                    break

    def _page(self, events: Sequence[_Event], cursor: str | None) -> Page:
        now = self._instance.clock()
        at = remembered(cursor, _Cursor) or _Cursor(after=unix_seconds(now - OVERLAP))
        sent = [msgspec.Raw(event.data) for event in events if event.what == "post"]
        found = self._timelines.wanted(sent)
        written: dict[str, Post] = {}
        for status in found:  # the last wording counts, and several hashtags bring a post twice
            written[status.uri] = post_of(status, self._instance.address)
        posts, digests = changed(written.values(), at.seen)
        ids = _newest(at.ids | {status.id: status.uri for status in found}, _MOST_IDS)
        gone = [
            event.data.decode("ascii", "replace") for event in events if event.what == "deletion"
        ]
        deletions = tuple(Deletion(PLATFORM, ids[id_], now) for id_ in gone if id_ in ids)
        seen = _newest({**at.seen, **digests}, _MOST_SEEN)
        after = max(at.after, unix_seconds(now - OVERLAP))
        return Page(
            posts=posts,
            deletions=deletions,
            cursor=cursor_of(_Cursor(after=after, asked=at.asked, seen=seen, ids=ids)),
            health="ok" if posts or deletions else "unchanged",
        )

    async def _events(self, streaming: str, tag: str) -> AsyncGenerator[_Event, None]:
        """Of one hashtag: first that it stands, then what comes."""
        url = f"{streaming}/api/v1/streaming/hashtag"
        name, data, is_open = b"", b"", False
        async with aclosing(self._instance.lines(url, {"tag": tag}, self._quiet)) as lines:
            async for line in lines:
                if not is_open:
                    if failure := looks_like_a_page(line):
                        raise failure
                    is_open = True
                    yield _Event("open")
                if line.startswith(b":"):
                    yield _Event("alive")
                elif line.startswith(b"event:"):
                    name = line[6:].strip()
                elif line.startswith(b"data:"):
                    data += line[5:].strip()
                    if len(data) > _LONGEST_DATA:
                        raise TooLarge(f"an event of more than {_LONGEST_DATA} bytes")
                elif not line:
                    if event := _event(name, data):
                        yield event
                    name, data = b"", b""


def _event(name: bytes, data: bytes) -> _Event | None:
    if not data:
        return None
    if name in (b"update", b"status.update"):
        return _Event("post", data)
    return _Event("deletion", data) if name == b"delete" else None


def _with_ids(cursor: str | None, ids: dict[str, str]) -> str | None:
    """The timelines' cursor, with what only the stream remembers."""
    at = remembered(cursor, _Cursor)
    return cursor if at is None else cursor_of(msgspec.structs.replace(at, ids=ids))


def _newest(kept: dict[str, str], most: int) -> dict[str, str]:
    return dict(islice(kept.items(), max(0, len(kept) - most), None))
