"""XenForo 2: every post as it is written, through the REST API and with a key of the forum.

https://docs.xenforo.com/api. Its search is left alone: only XenForo 2.3 has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal

import msgspec
from pydantic import Field, SecretStr

from libs.common.clock import Clock
from libs.common.events import Engagement
from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, Missing, Rejected
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of, shown, site_of
from services.ingest.reading.memory import changed, cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "xenforo"
_FIRST_LOOK: Final = timedelta(hours=24)
_MOST_REMEMBERED: Final = 1000
_LONGEST_TITLE: Final = 300


class Config(SourceConfig):
    """A XenForo forum: every post as it is written, with a key from its administrators."""

    kind: Literal["xenforo"] = "xenforo"
    url: BaseAddress
    """The forum's address, without `/api`."""
    api_key: SecretStr
    api_user: int | None = None
    """In whose name a super-user key reads."""
    posts_per_page: int = Field(default=20, ge=1, le=200)
    """As the forum has it; where it is wrong, long threads cost a request more."""
    reread: Duration = Field(default=timedelta(minutes=30), le=timedelta(days=2))
    """Posts younger than this are read again, for their edits."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        headers = {"XF-Api-Key": self.api_key.get_secret_value()}
        if self.api_user is not None:
            headers["XF-Api-User"] = str(self.api_user)
        client = tools.client_for(self)
        api = PlatformApi(client, tools.clock, tools.limits, headers, _refusal)
        return XenForo(self, api, tools.clock)


class Reached(msgspec.Struct, frozen=True, array_like=True):
    """A thread whose new posts are yet to be read, the last page first. is_sure: whether `page` is
    known to exist and to be the last, or only guessed from the number of replies."""

    thread: int
    title: str
    page: int
    is_sure: bool = False


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it was read. Times are whole seconds since 1970.

    A sweep goes through the threads, the last active first, back to `after`. page: the next page
    of the list of threads; None when it is read. pending: threads of the last page of the list.
    newest: the last activity in the sweep. seen, reached: digests of what the last and this sweep
    found in the time that is read again.
    """

    after: int
    page: int | None = 1
    pending: tuple[Reached, ...] = ()
    newest: int = 0
    seen: dict[str, str] = {}
    reached: dict[str, str] = {}


class _Pagination(msgspec.Struct, frozen=True):
    current_page: int = 1
    last_page: int = 1


class _Thread(msgspec.Struct, frozen=True):
    thread_id: int
    last_post_date: int
    title: str = ""
    reply_count: int = 0


class _Threads(msgspec.Struct, frozen=True):
    threads: list[msgspec.Raw]
    pagination: _Pagination = _Pagination()


class _User(msgspec.Struct, frozen=True):
    location: str | None = None
    view_url: str | None = None


class _Written(msgspec.Struct, frozen=True):
    post_id: int
    thread_id: int
    post_date: int
    user_id: int | None = None
    username: str | None = None
    message: str = ""
    message_parsed: str | None = None
    message_state: str = "visible"
    position: int = 0
    last_edit_date: int | None = None
    reaction_score: int | None = None
    view_url: str | None = None
    User: _User | None = None


class _Posts(msgspec.Struct, frozen=True):
    posts: list[msgspec.Raw]
    pagination: _Pagination = _Pagination()


class _Single(msgspec.Struct, frozen=True):
    post: _Written


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error]


def _refusal(reply: Reply) -> CollectionFailed | None:
    """Errors about the key are told apart from posts that the key may not see (any more)."""
    if reply.status not in (400, 401, 403):
        return None
    try:
        errors = msgspec.json.decode(reply.body, type=_Errors, strict=False).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if any("api_key" in each.code or each.code == "missing_scope" for each in errors):
        return AuthFailed(reply.said())
    return Missing(reply.said()) if reply.status == 403 else None


class XenForo:
    """Goes through the threads with new posts; a list of threads or a page of posts a request."""

    def __init__(self, config: Config, api: PlatformApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock

    async def collect(self, cursor: str | None) -> Page:
        at = remembered(cursor, Cursor) or Cursor(_seconds(self._clock() - _FIRST_LOOK))
        if at.pending:
            at, posts, deletions = await self._read_thread(at)
        else:
            at, posts, deletions = await self._list(at), (), ()
        if not at.pending and at.page is None:
            at = self._next_sweep(at)
        return Page(
            posts=posts,
            cursor=cursor_of(at),
            deletions=deletions,
            more=bool(at.pending) or at.page != 1,
            health="ok" if posts else "unchanged",
        )

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(_seconds(start)))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        own = f"{site_of(self._config.url)}/"
        return [
            Deletion(PLATFORM, native_id, self._clock())
            for native_id in native_ids
            if native_id.startswith(own) and not await self._shows(native_id.removeprefix(own))
        ]

    async def _shows(self, number: str) -> bool:
        try:
            reply = await self._api.get(f"{self._config.url}/api/posts/{number}")
        except Missing:
            return False
        return reply.decode(_Single).post.message_state == "visible"

    async def _list(self, at: Cursor) -> Cursor:
        """With the threads of the next page that have posts since `after`, pending."""
        page = at.page or 1
        asked: dict[str, str | int] = {
            "order": "last_post_date",
            "direction": "desc",
            "page": page,
        }
        reply = await self._api.get(f"{self._config.url}/api/threads", asked)
        found = reply.decode(_Threads)
        threads = decode_each(found.threads, _Thread, PLATFORM)
        active = [each for each in threads if each.last_post_date >= at.after]
        has_more = len(active) == len(found.threads) > 0 and found.pagination.last_page > page
        guessed = self._config.posts_per_page
        return msgspec.structs.replace(
            at,
            page=page + 1 if has_more else None,
            newest=max([at.newest, *(each.last_post_date for each in active)]),
            pending=tuple(
                Reached(
                    each.thread_id,
                    each.title[:_LONGEST_TITLE],
                    max(0, each.reply_count) // guessed + 1,
                )
                for each in active
            ),
        )

    async def _read_thread(
        self, at: Cursor
    ) -> tuple[Cursor, tuple[Post, ...], tuple[Deletion, ...]]:
        """A page of the first pending thread; then the page before it, as long as that is new."""
        thread, *others = at.pending
        found = await self._posts_of(thread)
        if found is None or (not thread.is_sure and found.pagination.last_page > thread.page):
            last = 1 if found is None else found.pagination.last_page
            again = [Reached(thread.thread, thread.title, last, is_sure=found is not None)]
            left = again if found is not None or thread.page > 1 else []
            return msgspec.structs.replace(at, pending=(*left, *others)), (), ()
        written = decode_each(found.posts, _Written, PLATFORM)
        new = [each for each in written if each.post_date >= at.after]
        standing = [self._post(each, thread) for each in new if each.message_state == "visible"]
        known = at.seen | at.reached
        posts, digests = changed(standing, known)
        gone = [self._native_id(each) for each in new if each.message_state == "deleted"]
        if thread.page > 1 and len(new) == len(found.posts) > 0:
            others.insert(0, Reached(thread.thread, thread.title, thread.page - 1, is_sure=True))
        return (
            msgspec.structs.replace(
                at,
                pending=tuple(others),
                reached=dict(islice((at.reached | digests).items(), _MOST_REMEMBERED)),
            ),
            posts,
            tuple(Deletion(PLATFORM, each, self._clock()) for each in gone if each in known),
        )

    async def _posts_of(self, thread: Reached) -> _Posts | None:
        """None when the thread, or this page of it, is not there."""
        address = f"{self._config.url}/api/threads/{thread.thread}/posts"
        try:
            reply = await self._api.get(address, {"page": thread.page})
        except Missing:
            return None
        except Rejected:
            if thread.page > 1:
                return None
            raise
        return reply.decode(_Posts)

    def _next_sweep(self, at: Cursor) -> Cursor:
        overlap = int(self._config.reread.total_seconds())
        # One clock that is ahead must not keep us from everything written until then.
        newest = min(at.newest, _seconds(self._clock()))
        return Cursor(max(at.after, newest - overlap), seen=at.reached)

    def _native_id(self, written: _Written) -> str:
        return f"{site_of(self._config.url)}/{written.post_id}"

    def _post(self, written: _Written, thread: Reached) -> Post:
        is_first = written.position == 0
        user = written.User or _User()
        html = written.message_parsed
        name = written.username
        base = self._config.url
        return Post(
            platform=PLATFORM,
            native_id=self._native_id(written),
            kind="post" if is_first else "reply",
            url=written.view_url or f"{base}/posts/{written.post_id}/",
            title=thread.title or None if is_first else None,
            text=visible_text(html) if html else text_of_bbcode(written.message),
            author=PostAuthor(
                id=f"{site_of(base)}/u/{written.user_id}" if written.user_id else None,
                handle=name,
                url=user.view_url,
            )
            if name
            else None,
            published_at=_time(written.post_date),
            edited_at=_time(written.last_edit_date or 0),
            thread=f"{base}/threads/{written.thread_id}/",
            engagement=None
            if written.reaction_score is None
            else Engagement(likes=written.reaction_score),
            place=user.location or None,
        )


_UNSEEN: Final = re.compile(r"\[(img|media|attach)\b[^\]\n]{0,300}\].*?\[/\1\]", re.I | re.S)
_TAG: Final = re.compile(
    r"\[/?(?:b|i|u|s|url|email|user|quote|code|icode|php|html|list|color|font|size|left|center"
    r"|right|justify|indent|i?spoiler|table|tr|td|th|heading|hr|plain|img|media|attach|\*)"
    r"(?:[\s=][^\]\n]{0,300})?\]",
    re.IGNORECASE,
)


def text_of_bbcode(message: str) -> str:
    """What a reader sees of BBCode: without tags, pictures and embedded media."""
    return _TAG.sub("", _UNSEEN.sub(" ", message)).strip()


def _time(seconds: int) -> datetime | None:
    """None for 0, which stands for never, and for what is no time."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
