"""Posts handed in through the push API: read one by one, each with its own verdict."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from libs.common.events import Engagement, Kind, Mention, Rating
from services.ingest.match import Watches
from services.ingest.nul import may_hold_nul, without_nul
from services.ingest.post import Post, PostAuthor

API: Final = "api"
MOST_POSTS: Final = 100_000
"""Posts in one request."""
TOGETHER: Final = 1000
TOGETHER_BYTES: Final = 1024 * 1024
"""Posts, and bytes of them, that are read, matched and published in one go."""
_FIRST_YEAR: Final = 1990
Line: TypeAlias = Annotated[str, Meta(max_length=1_000)]
Address: TypeAlias = Annotated[str, Meta(max_length=2_000)]
Count: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
"""What a double holds exactly: stores and browsers compare with nothing more."""
Stars: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]


class HandedAuthor(msgspec.Struct, frozen=True):
    """Who wrote it. What is kept of it depends on the privacy settings."""

    handle: Line | None = None
    name: Line | None = None
    url: Address | None = None
    followers: Count | None = None


class HandedRating(msgspec.Struct, frozen=True):
    """A review's stars: `value` out of `best`."""

    value: Stars
    best: Stars


class HandedEngagement(msgspec.Struct, frozen=True):
    """Reactions as the platform counts them."""

    likes: Count | None = None
    reposts: Count | None = None
    replies: Count | None = None
    views: Count | None = None


class HandedPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post as other tools hand it in: the fields of a mention, of which `text` is needed.

    watch: hands it to this watch, whatever its query says. platform and native_id identify the
    post, so that a repeat overwrites; without a native_id the url does, else the content.
    published_at: with an offset; left out, or before 1990, it is now. Other fields are ignored.
    """

    text: Annotated[str, Meta(max_length=100_000)]
    watch: Line | None = None
    platform: Annotated[str, Meta(min_length=1, max_length=100)] = API
    native_id: Annotated[str, Meta(min_length=1, max_length=2_000)] | None = None
    kind: Kind = "post"
    url: Address | None = None
    title: Line | None = None
    lang: Annotated[str, Meta(max_length=35)] | None = None
    author: HandedAuthor | None = None
    published_at: Annotated[datetime, Meta(tz=True)] | None = None
    thread: Address | None = None
    in_reply_to: Address | None = None
    rating: HandedRating | None = None
    engagement: HandedEngagement | None = None
    place: Line | None = None
    backfill: bool = False


class Accepted(msgspec.Struct, frozen=True, tag_field="status", tag="accepted"):
    """The post is a mention of these watches; ids in the same order."""

    index: int
    watches: tuple[str, ...]
    ids: tuple[str, ...]


class Unmatched(msgspec.Struct, frozen=True, tag_field="status", tag="unmatched"):
    """The post is well, but no watch asks for it."""

    index: int


class Invalid(msgspec.Struct, frozen=True, tag_field="status", tag="invalid"):
    """The post cannot be taken. `pointer` leads to what is wrong, from the root of the request."""

    index: int
    pointer: str
    detail: str


Verdict: TypeAlias = Accepted | Unmatched | Invalid


class NotJson(Exception):
    """The request as a whole cannot be read."""


class TooManyPosts(Exception):
    """The request holds more than MOST_POSTS."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts in the order of the posts, and the mentions they lead to."""

    verdicts: list[Verdict]
    mentions: list[Mention]


_POST: Final = msgspec.json.Decoder(HandedPost)
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Batch:
    """The posts of a request, not yet read.

    is_one: the request is a post, not a list of them. has_nul: a post may hold a NUL.
    """

    items: Sequence[bytes | msgspec.Raw]
    is_one: bool = False
    has_nul: bool = False

    def root(self, index: int) -> tuple[str, ...]:
        """The JSON pointer to a post, in parts."""
        return () if self.is_one else (str(index),)

    def parts(self) -> Iterator[range]:
        """The batch in parts of at most TOGETHER posts and about TOGETHER_BYTES."""
        first = size = 0
        for index, item in enumerate(self.items):
            size += memoryview(item).nbytes
            if index + 1 - first == TOGETHER or size >= TOGETHER_BYTES:
                yield range(first, index + 1)
                first, size = index + 1, 0
        if first < len(self.items):
            yield range(first, len(self.items))


def batch_of(body: bytes, form: Literal["json", "ndjson"]) -> Batch:
    """One post, the elements of an array, or lines. Raises NotJson, TooManyPosts."""
    has_nul = may_hold_nul(body)
    if form == "ndjson":
        written = (found[0] for found in _LINE.finditer(body))
        lines = list(islice((each for each in written if not each.isspace()), MOST_POSTS + 1))
        if len(lines) > MOST_POSTS:
            raise TooManyPosts
        return Batch(lines, has_nul=has_nul)
    try:
        if _BEGINS_ARRAY.match(body):
            if body.count(b",") >= MOST_POSTS and _holds_too_many(body):
                raise TooManyPosts
            return Batch(_ARRAY.decode(body), has_nul=has_nul)
        return Batch([_ANY.decode(body)], is_one=True, has_nul=has_nul)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from error


_LINE: Final = re.compile(rb"[^\n]+")
_BEGINS_ARRAY: Final = re.compile(rb"\s*+\[")
_TO_STRUCTURE: Final = re.compile(
    rb'(?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+"?)*+([\[\]{},])', re.DOTALL
)
"""Up to the next bracket, brace or comma outside strings."""


def _holds_too_many(body: bytes) -> bool:
    """Whether the array has too many elements: found out before they are built, since millions
    of the smallest take many times the room of the request."""
    depth = commas = position = 0
    while (found := _TO_STRUCTURE.match(body, position)) is not None:
        position = found.end()
        match found[1]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
            case _ if depth == 1:
                commas += 1
                if commas >= MOST_POSTS:
                    return True
    return False


def judge(batch: Batch, part: range, watches: Watches, now: datetime) -> Judged:
    """Reads and matches the posts of this part of the batch."""
    judged = Judged([], [])
    for index, item in zip(part, batch.items[part.start : part.stop], strict=True):
        try:
            handed = _POST.decode(item)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            judged.verdicts.append(Invalid(index, *complaint(str(error), *batch.root(index))))
            continue
        if batch.has_nul:
            handed = without_nul(handed)
        if handed.watch is not None and handed.watch not in watches.ids:
            pointer = "/".join(("#", *batch.root(index), "watch"))
            detail = f"no watch is called {handed.watch[:100]!r}"
            judged.verdicts.append(Invalid(index, pointer, detail))
            continue
        post = _post(handed, now)
        if handed.watch is None:
            mentions = watches.mentions(post, API, now)
        else:
            mentions = watches.assigned(post, API, (handed.watch,), now)
        judged.verdicts.append(_verdict(index, mentions))
        judged.mentions.extend(mentions)
    return judged


def _verdict(index: int, mentions: Sequence[Mention]) -> Verdict:
    if not mentions:
        return Unmatched(index)
    return Accepted(index, tuple(m.watch for m in mentions), tuple(m.id for m in mentions))


def _post(handed: HandedPost, now: datetime) -> Post:
    return Post(
        platform=handed.platform,
        native_id=handed.native_id or handed.url or _content_id(handed),
        kind=handed.kind,
        url=handed.url,
        title=handed.title,
        text=handed.text,
        lang=handed.lang,
        author=_author(handed.author),
        published_at=_when(handed.published_at, now),
        thread=handed.thread,
        in_reply_to=handed.in_reply_to,
        rating=_rating(handed.rating),
        engagement=_engagement(handed.engagement),
        place=handed.place,
        backfill=handed.backfill,
    )


def _when(published: datetime | None, now: datetime) -> datetime | None:
    """In UTC and not in the future; what lies before 1990 is how programs write that there is no
    time."""
    if published is None or published.year < _FIRST_YEAR:
        return None
    return now if published > now else published.astimezone(UTC)


def _author(handed: HandedAuthor | None) -> PostAuthor | None:
    if handed is None:
        return None
    return PostAuthor(
        handle=handed.handle, name=handed.name, url=handed.url, followers=handed.followers
    )


def _rating(handed: HandedRating | None) -> Rating | None:
    return None if handed is None else Rating(value=handed.value, best=handed.best)


def _engagement(handed: HandedEngagement | None) -> Engagement | None:
    if handed is None:
        return None
    return Engagement(
        likes=handed.likes, reposts=handed.reposts, replies=handed.replies, views=handed.views
    )


def _content_id(handed: HandedPost) -> str:
    content = (handed.title, handed.text, handed.author, handed.published_at, handed.in_reply_to)
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=16).hexdigest()


_AT: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"missing required field `(?P<name>[^`]+)`")
_STEP: Final = re.compile(r"\.?([^.\[\]]+)")


def complaint(message: str, *root: str) -> tuple[str, str]:
    """msgspec's message (`… - at `$.author.name``) as a JSON pointer and a detail."""
    place = _AT.search(message)
    path = [*root, *(_STEP.findall(place["path"]) if place else ())]
    if missing := _MISSING.search(message):
        path.append(missing["name"])
    return "/".join(("#", *path)), _AT.sub("", message)


def schema() -> dict[str, Any]:
    """JSON Schema of a handed post, without references."""
    root = msgspec.json.schema(HandedPost)
    definitions = root["$defs"]

    def inlined(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inlined(definitions[node["$ref"].rpartition("/")[2]])
            return {key: inlined(value) for key, value in node.items() if key != "$defs"}
        return [inlined(each) for each in node] if isinstance(node, list) else node

    return dict(inlined({"$ref": root["$ref"]}))
