"""Reading a source once, to see what it would collect: nothing is published or kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from services.ingest.collector import Collector, Stream
from services.ingest.failure import CollectionFailed, TooSlow, Unreachable, printable
from services.ingest.post import Page, Post

HEARD: Final = 20.0
"""Seconds a stream is listened to."""
_SHOWN: Final = 20
_WIDTH: Final = 100
_ADVICE: Final = {
    "auth_failed": "Credentials are missing, wrong or expired: are they set, and made for this?",
    "blocked": "The site wants a browser. Ask its operator for an API or a feed; we do not evade.",
    "rate_limited": "Too many requests were made from here. It is read again after the wait.",
    "over_budget": "The quota is used up. It is read again when the next period begins.",
    "gone": "The server says that it is gone for good: take it out of the configuration.",
    "missing": "Nothing is there: is the address right, and the name or number?",
    "private address": "If it is meant to lead into your own network, set `allow_private: true`.",
}
"""What to do, by the health or the reason of a failure."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What one reading gave: a page, or the reason why there is none."""

    page: Page | None = None
    failure: CollectionFailed | None = None


async def probe(collector: Collector | Stream, heard: float = HEARD) -> Probed:
    """Reads the first page; of a stream what comes within so many seconds."""
    try:
        if isinstance(collector, Stream):
            return Probed(await _heard(collector, heard))
        return Probed(await collector.collect(None))
    except CollectionFailed as failure:
        return Probed(failure=failure)


async def _heard(stream: Stream, seconds: float) -> Page:
    pages: list[Page] = []
    try:
        async with asyncio.timeout(seconds), aclosing(stream.listen(None)) as heard:
            async for page in heard:
                pages.append(page)
                if sum(len(each.posts) for each in pages) >= _SHOWN:
                    break
    except TimeoutError:
        if not pages:
            raise TooSlow(f"the stream said nothing within {seconds:g} s") from None
    if not pages:
        raise Unreachable("the stream ended before it began")
    posts = tuple(post for page in pages for post in page.posts)
    return Page(
        posts,
        pages[-1].cursor,
        health="ok" if posts else "unchanged",
        reads=sum(page.reads for page in pages),
        money=sum(page.money for page in pages),
    )


def told(probed: Probed, wanting: Callable[[Post], list[str]]) -> Iterator[str]:
    """The reading in lines for people. wanting: the watches that want a post."""
    failure, page = probed.failure, probed.page
    if failure is not None:
        yield f"It cannot be read ({failure.health}): {failure.reason}: {failure}"
        if failure.not_before is not None:
            yield f"It asks for no request before {failure.not_before:%Y-%m-%d %H:%M:%S} UTC."
        if advice := _ADVICE.get(failure.health, _ADVICE.get(failure.reason)):
            yield advice
    elif page is not None:
        matching = [post for post in page.posts if wanting(post)]
        more = ", and there is more" if page.more else ""
        yield f"It can be read: {len(page.posts)} posts{more}; {len(matching)} for a watch."
        for post in page.posts[:_SHOWN]:
            yield _line(post, wanting(post))
        if len(page.posts) > _SHOWN:
            yield f"… and {len(page.posts) - _SHOWN} more."
        if page.reads or page.money:
            price = f", {page.money:.2f} in money" if page.money else ""
            yield f"It cost {page.reads} reads{price}."


def _line(post: Post, watches: list[str]) -> str:
    when = f"{post.published_at:%Y-%m-%d %H:%M}" if post.published_at else "no time"
    # People's text must not reach into the terminal.
    said = " ".join(printable(f"{post.title or ''} {post.text}").split())
    short = said if len(said) <= _WIDTH else f"{said[: _WIDTH - 1]}…"
    return f"  {when}  {','.join(watches) or '-':<12} {post.kind}: {short}"
