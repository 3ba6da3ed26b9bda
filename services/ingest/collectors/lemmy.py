"""Lemmy: posts and comments, through an instance's own search.

An instance finds what its users and communities see, its own and others'. Both forms of the API
are spoken, version 3 (Lemmy 0.19) and version 4 (Lemmy 1.0): https://join-lemmy.org/docs
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, SecretStr

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import (
    AuthFailed,
    CollectionFailed,
    Missing,
    RateLimited,
    Rejected,
    Unreadable,
)
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.dates import parse_date
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, Reply, asked_by_header, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import Count, Number, unix_seconds

PLATFORM: Final = "lemmy"
_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(hours=2)
"""Posts of other instances arrive late: so far is read again."""
_WAIT: Final = timedelta(minutes=1)
"""Lemmy does not say how long to wait; its limits are counted by the minute."""
_OWN: Final = re.compile(r"/(post|comment)/([0-9]{1,15})")
_NOT_LOGGED_IN: Final = frozenset(("not_logged_in", "incorrect_login", "instance_is_private"))
_NOT_THERE: Final = frozenset(
    ("couldnt_find_post", "couldnt_find_comment", "couldnt_find_object", "not_found")
)

Version: TypeAlias = Literal["v3", "v4"]


class Config(SourceConfig):
    """A Lemmy instance, searched for what the watches need."""

    kind: Literal["lemmy"] = "lemmy"
    instance: BaseAddress
    token: SecretStr | None = None
    """Of an account there; only private instances need it."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    version: Version | None = None
    """Of the API; found out when it is not given."""
    per_page: int = Field(default=50, ge=1, le=50)

    @property
    def address(self) -> str:
        return self.instance

    @property
    def host(self) -> str:
        return host_of(self.instance)

    def build(self, tools: Tools) -> Collector:
        token = self.token.get_secret_value() if self.token is not None else None
        api = PlatformApi(
            tools.client_for(self),
            tools.clock,
            tools.limits,
            headers={"Authorization": f"Bearer {token}"} if token is not None else {},
            judge=_judged,
        )
        return Lemmy(self, api, tools.clock, self.terms or tools.keywords)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    sweep: Sweep
    version: Version | None = None


class _Error(msgspec.Struct, frozen=True):
    error: str
    message: str | None = None


class _Person(msgspec.Struct, frozen=True):
    name: str | None = None
    display_name: str | None = None
    ap_id: str | None = None
    actor_id: str | None = None


class _Counts(msgspec.Struct, frozen=True, kw_only=True):
    score: Count | None = None
    comments: Count | None = None
    child_count: Count | None = None


class _Content(_Counts, frozen=True, kw_only=True):
    """A post or a comment. published, updated: as version 3 calls the times."""

    ap_id: str
    id: Number = 0
    name: str | None = None
    body: str | None = None
    content: str | None = None
    path: str = ""
    published_at: str | None = None
    published: str | None = None
    updated_at: str | None = None
    updated: str | None = None
    deleted: bool = False
    removed: bool = False


class _View(msgspec.Struct, frozen=True):
    """A search result: with `comment` it is one, else it is the post."""

    post: _Content | None = None
    comment: _Content | None = None
    creator: _Person | None = None
    counts: _Counts | None = None

    @property
    def content(self) -> _Content | None:
        return self.comment or self.post


class _Found(msgspec.Struct, frozen=True):
    """Releases of version 4 differ in whether results stand in one list or by kind."""

    posts: list[msgspec.Raw] = []
    comments: list[msgspec.Raw] = []
    search: list[msgspec.Raw] = []
    results: list[msgspec.Raw] = []
    next_page: str | None = None

    @property
    def all(self) -> list[msgspec.Raw]:
        return [*self.posts, *self.comments, *self.search, *self.results]


class _One(msgspec.Struct, frozen=True):
    """The answer to a question for one post or comment."""

    post_view: _View | None = None
    comment_view: _View | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    term: str
    type: Literal["Posts", "Comments"]


class Lemmy:
    """Searches for one term after the other, posts and then comments, the newest first."""

    def __init__(
        self, config: Config, api: PlatformApi, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._questions = [
            question
            for term in terms
            for question in (_Question(term, "Posts"), _Question(term, "Comments"))
        ]

    async def collect(self, cursor: str | None) -> Page:
        if not self._questions:
            raise Rejected("no watch names a word to search for: set `terms`")
        now = self._clock()
        first = Cursor(Sweep(after=unix_seconds(now - _FIRST_LOOK)))
        at = remembered(cursor, Cursor) or first
        version = self._config.version or at.version or await self._probed()
        asked = [f"{version} {question.type} {question.term}" for question in self._questions]
        sweep = begun(at.sweep, asked, now)
        try:
            reply = await self._api.get(
                f"{self._config.instance}/api/{version}/search",
                self._parameters(self._questions[sweep.question], sweep, version),
            )
        except Missing:  # the instance may have been upgraded
            if version == self._config.version or version == await self._probed():
                raise
            return Page(posts=(), cursor=cursor_of(Cursor(sweep)), more=True, health="unchanged")
        return self._page(sweep, version, reply.decode(_Found))

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(Sweep(after=unix_seconds(start))))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        """Of the instance's own posts and comments: of others' it is no witness."""
        version = self._config.version or await self._probed()
        gone: list[Deletion] = []
        for native_id in native_ids:
            parts = urlsplit(native_id)
            own = _OWN.fullmatch(parts.path)
            if own is None or host_of(native_id) != self._config.host:
                continue
            if not await self._stands(f"/api/{version}/{own[1]}", own[2]):
                gone.append(Deletion(PLATFORM, native_id, self._clock()))
        return gone

    async def _stands(self, path: str, number: str) -> bool:
        try:
            reply = await self._api.get(f"{self._config.instance}{path}", {"id": number})
        except Missing:
            return False
        one = reply.decode(_One)
        view = one.comment_view or one.post_view
        content = view.content if view is not None else None
        return content is None or not (content.deleted or content.removed)

    async def _probed(self) -> Version:
        """The version the instance speaks. Raises CollectionFailed."""
        try:
            reply = await self._api.get(f"{self._config.instance}/api/v4/site")
            reply.decode(dict[str, msgspec.Raw])
        except (Missing, Rejected, Unreadable):
            await self._api.get(f"{self._config.instance}/api/v3/site")
            return "v3"
        return "v4"

    def _parameters(
        self, question: _Question, sweep: Sweep, version: Version
    ) -> dict[str, str | int]:
        asked: dict[str, str | int] = {"limit": self._config.per_page}
        if version == "v3":
            asked |= {"q": question.term, "type_": question.type, "sort": "New"}
            return asked | {"listing_type": "All", "page": sweep.page or 1}
        # Releases of version 4 differ in the name of what is searched for.
        asked |= {"search_term": question.term, "q": question.term}
        asked |= {"type_": question.type.lower(), "sort": "new", "listing_type": "all"}
        return asked | ({"page_cursor": sweep.page} if sweep.page is not None else {})

    def _page(self, sweep: Sweep, version: Version, found: _Found) -> Page:
        raw = found.all
        views = decode_each(raw, _View, PLATFORM)
        contents = [content for view in views if (content := view.content)]
        graves = [each.ap_id for each in contents if each.deleted or each.removed]
        known = [ap_id for ap_id in graves if sweep.knows(ap_id)]
        posts = [post for view in views if (post := _post(view)) and post.native_id not in graves]
        times = [post.published_at for post in posts if post.published_at is not None]
        is_through = bool(times) and unix_seconds(min(times)) <= sweep.after
        next_page = self._next_page(sweep, version, found)
        news, sweep = noted(sweep, posts, _OVERLAP)
        if next_page is not None and raw and not is_through:
            sweep = turned(sweep, next_page, len(raw))
        else:
            sweep = answered(sweep, len(self._questions), _OVERLAP)
        return Page(
            posts=news,
            cursor=cursor_of(Cursor(sweep, version)),
            deletions=tuple(Deletion(PLATFORM, ap_id, self._clock()) for ap_id in known),
            more=sweep.is_underway,
            health="ok" if news or known else "unchanged",
        )

    def _next_page(self, sweep: Sweep, version: Version, found: _Found) -> str | None:
        """Version 3 counts pages, and does not say which is the last: it is the one before an
        empty one."""
        if version == "v4":
            return found.next_page
        page = sweep.page or ""
        return str(int(page) + 1 if page.isdecimal() else 2)


def _judged(reply: Reply) -> CollectionFailed | None:
    """Lemmy's errors have names; some releases send all of them with 400."""
    if reply.status < 400:
        return None
    try:
        error = msgspec.json.decode(reply.body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = f"Lemmy answered {reply.status}: {error}"[:300]
    if error in ("rate_limit_error", "too_many_requests"):
        return RateLimited(said, not_before=asked_by_header(reply) or reply.at + _WAIT)
    if error in _NOT_LOGGED_IN:
        return AuthFailed(said)
    if error in _NOT_THERE or error.startswith("couldnt_find_"):
        return Missing(said)
    return None


def _post(view: _View) -> Post | None:
    content = view.content
    if content is None:
        return None
    post, counts = view.post, view.counts or content
    is_comment = view.comment is not None
    return Post(
        platform=PLATFORM,
        native_id=content.ap_id,
        kind="comment" if is_comment else "post",
        url=content.ap_id if content.ap_id.startswith("http") else None,
        title=None if is_comment else content.name,
        text=(content.content if is_comment else content.body) or content.name or "",
        author=_author(view.creator) if view.creator is not None else None,
        published_at=parse_date(content.published_at or content.published),
        edited_at=parse_date(content.updated_at or content.updated),
        thread=post.ap_id if post is not None else None,
        # A path is "0.<comment>…": with one comment in it, it answers the post.
        in_reply_to=post.ap_id if is_comment and post and content.path.count(".") == 1 else None,
        engagement=Engagement(
            likes=counts.score, replies=counts.child_count if is_comment else counts.comments
        ),
    )


def _author(creator: _Person) -> PostAuthor | None:
    url = creator.ap_id or creator.actor_id
    if url is None and creator.name is None:
        return None
    host = host_of(url) if url and url.startswith("http") else ""
    handle = f"{creator.name}@{host}" if creator.name and host else creator.name
    return PostAuthor(id=url, handle=handle, name=creator.display_name, url=url)
