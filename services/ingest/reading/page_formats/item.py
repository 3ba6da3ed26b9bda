"""What a page holds, whatever it is written in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from libs.common.events import Engagement, Kind, Rating
from services.ingest.post import PostAuthor

MOST_ITEMS: Final = 1_000
"""Posts read of one page, the first ones."""
LONGEST_TEXT: Final = 100_000
LONGEST_TITLE: Final = 1_000
LONGEST_NAME: Final = 300
LONGEST_ADDRESS: Final = 2_000


class Select(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where posts stand on a page: CSS selectors, those after `item` from the item on. One that
    ends in `@name` takes that attribute, others the visible text. best: the most stars there are.
    """

    item: str
    text: str
    title: str = ""
    author: str = ""
    date: str = ""
    link: str = ""
    rating: str = ""
    id: str = ""
    best: float = 5.0
    kind: Kind = "post"


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One post on a page, with visible text only. name: unique on the page, and the same when the
    post was edited. thread, in_reply_to: names of other items."""

    name: str
    kind: Kind
    link: str | None = None
    title: str | None = None
    text: str
    author: PostAuthor | None = None
    published: datetime | None = None
    edited: datetime | None = None
    lang: str | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    rating: Rating | None = None
    engagement: Engagement | None = None
    place: str | None = None


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found on a page. next: address of the page behind it. is_described: whether the
    page carries any description after schema.org at all."""

    items: tuple[Item, ...] = ()
    next: str | None = None
    is_described: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A post whose name is not known yet. own: what the page names it by, if it does. parent:
    what it answers."""

    item: Item
    own: str = ""
    parent: Draft | None = None


def named(drafts: Sequence[Draft]) -> tuple[Item, ...]:
    """The items, each with a name of its own, and with the names of what they answer.

    A post without an own name is told by author and time, so that it keeps its name when its text
    is edited; by its text where one of them is missing.
    """
    first = [draft.own or _description(draft.item) for draft in drafts]
    times = Counter(first)
    names = {
        id(draft): name if times[name] == 1 else f"{name}#{_short(draft.item.text)}"
        for draft, name in zip(drafts, first, strict=True)
    }
    items: dict[str, Item] = {}
    for draft in drafts:
        changes: dict[str, str] = {"name": names[id(draft)]}
        if draft.parent is not None:
            changes["in_reply_to"] = names[id(draft.parent)]
            changes["thread"] = names[id(_root(draft))]
        items.setdefault(names[id(draft)], msgspec.structs.replace(draft.item, **changes))
    return tuple(items.values())


def _root(draft: Draft) -> Draft:
    while draft.parent is not None:
        draft = draft.parent
    return draft


def _description(item: Item) -> str:
    author = item.author and (item.author.id or item.author.name)
    if author and item.published:
        return f"by:{_short(f'{item.kind} {author} {item.published.isoformat()}')}"
    return f"sha:{_short(f'{item.kind} {author} {item.title} {item.text}')}"


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
