"""Hashtag timelines and search, read from the oldest wanted post upwards.

`since_id` would give the newest page and leave a gap below it; `min_id` walks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec

from services.ingest.collectors.mastodon.instance import PLATFORM, Instance, page_before
from services.ingest.collectors.mastodon.statuses import Status, post_of, statuses
from services.ingest.failure import Rejected
from services.ingest.post import Deletion, Page
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.platform_api import Parameters, Reply
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import unix_seconds

FIRST_LOOK: Final = timedelta(hours=24)
OVERLAP: Final = timedelta(minutes=15)
"""Posts of other instances arrive late and are put where they were written, and authors correct
themselves soon: so far is read again."""
_DEEPEST: Final = 200
"""Results of one search that are looked at."""


class _Found(msgspec.Struct, frozen=True):
    statuses: list[msgspec.Raw]


class Timelines:
    """Asks for one hashtag after the other, then searches for one term after the other."""

    def __init__(
        self,
        instance: Instance,
        *,
        tags: Sequence[str],
        terms: Sequence[str],
        per_page: int,
        respects_opt_out: bool,
    ) -> None:
        self._instance = instance
        self._questions = [*(f"#{tag}" for tag in tags), *terms]
        self._per_page = per_page
        self._respects_opt_out = respects_opt_out

    async def collect(self, cursor: str | None) -> Page:
        if not self._questions:
            raise Rejected("no watch names a word to search for: set `terms` or `tags`")
        now = self._instance.clock()
        first = Sweep(after=unix_seconds(now - FIRST_LOOK))
        sweep = begun(remembered(cursor, Sweep) or first, self._questions, now)
        question = self._questions[sweep.question]
        if question.startswith("#"):
            return await self._of_tag(question[1:], sweep)
        return await self._of_search(question, sweep)

    def since(self, start: datetime) -> str:
        return cursor_of(Sweep(after=unix_seconds(start)))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone = await self._instance.gone(native_ids)
        return [Deletion(PLATFORM, uri, self._instance.clock()) for uri in gone]

    def wanted(self, items: Sequence[msgspec.Raw]) -> list[Status]:
        """Those that can be read and may be used."""
        return statuses(items, respects_opt_out=self._respects_opt_out)

    async def _of_tag(self, tag: str, sweep: Sweep) -> Page:
        above = sweep.page or id_at(sweep.after)
        path = f"/api/v1/timelines/tag/{quote(tag, safe='')}"
        reply = await self._instance.get(path, {"limit": self._per_page, "min_id": above})
        items = reply.decode(list[msgspec.Raw])
        following = page_before(reply)
        # A page may be short because posts on it are hidden: only an empty one is the last.
        return self._page(sweep, items, following if items and following != above else None)

    async def _of_search(self, term: str, sweep: Sweep) -> Page:
        reply = await self._searched(term, sweep)
        items = reply.decode(_Found).statuses
        reached = sweep.depth + len(items)
        following = str(reached) if items and reached < _DEEPEST else None
        return self._page(sweep, items, following, is_cut=bool(items) and following is None)

    async def _searched(self, term: str, sweep: Sweep) -> Reply:
        words = term.replace('"', " ")
        asked: Parameters = {
            "q": f'"{words}"' if " " in words else words,
            "type": "statuses",
            "limit": self._per_page,
            "min_id": id_at(sweep.after),
            "offset": sweep.depth,
        }
        return await self._instance.get("/api/v2/search", asked)

    def _page(
        self,
        sweep: Sweep,
        items: Sequence[msgspec.Raw],
        following: str | None,
        *,
        is_cut: bool = False,
    ) -> Page:
        found = [post_of(status, self._instance.address) for status in self.wanted(items)]
        posts, after = noted(sweep, found, OVERLAP)
        if following is not None:
            after = turned(after, following, len(items))
        else:
            after = answered(after, len(self._questions), OVERLAP)
        return Page(
            posts=posts,
            cursor=cursor_of(after),
            more=after.is_underway,
            complete=not is_cut,
            health="ok" if posts else "unchanged",
        )


def id_at(seconds: int) -> str:
    """The id below those of posts since then: Mastodon's ids are milliseconds and 16 more bits."""
    return str((seconds * 1000) << 16)
