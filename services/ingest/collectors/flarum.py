"""Flarum: every post as it is written, or those that its search finds.

https://docs.flarum.org/rest-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Literal

import msgspec
from pydantic import Field, SecretStr

from libs.common.clock import Clock
from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, Missing
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of, shown, site_of
from services.ingest.reading.dates import parse_date
from services.ingest.reading.memory import changed, cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "flarum"
_FIRST_LOOK: Final = timedelta(hours=24)
_MOST_REMEMBERED: Final = 1000
_STEP_BACK: Final = 2
"""Posts read twice at the seam of two pages: a deletion in between moves the others up."""


class Config(SourceConfig):
    """A Flarum forum: every post as it is written, or those that its search finds."""

    kind: Literal["flarum"] = "flarum"
    url: BaseAddress
    api_key: SecretStr | None = None
    """Only for forums that show nothing without it."""
    user_id: int | None = None
    """In whose name the key reads."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for, where the forum can search posts; else all are read."""
    per_page: int = Field(default=50, ge=10, le=100)
    reread: Duration = Field(default=timedelta(hours=1), le=timedelta(days=2))
    """Posts younger than this are read again, for their edits."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        client = tools.client_for(self)
        api = PlatformApi(client, tools.clock, tools.limits, self._headers(), _refusal)
        return Flarum(self, api, tools.clock)

    def _headers(self) -> dict[str, str]:
        if self.api_key is None:
            return {}
        name = f"; userId={self.user_id}" if self.user_id is not None else ""
        return {"Authorization": f"Token {self.api_key.get_secret_value()}{name}"}


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it was read. Times are whole seconds since 1970.

    A sweep reads term by term, each from now back to `after`. term, offset: where in the sweep the
    next page lies. newest: the newest post of the sweep. seen, reached: digests of what this and
    the last sweep found in the time that is read again.
    """

    after: int
    term: int = 0
    offset: int = 0
    newest: int = 0
    seen: dict[str, str] = {}
    reached: dict[str, str] = {}


class _Name(msgspec.Struct, frozen=True):
    type: str
    id: str


class _Related(msgspec.Struct, frozen=True):
    data: _Name | list[_Name] | None = None


class _Attributes(msgspec.Struct, frozen=True, rename="camel"):
    """Of posts, of users, and of discussions: what is asked of them."""

    number: int | None = None
    created_at: str = ""
    edited_at: str | None = None
    content_type: str = "comment"
    content_html: str | None = None
    is_hidden: bool = False
    username: str | None = None
    display_name: str | None = None
    slug: str | None = None
    title: str | None = None


class _Resource(msgspec.Struct, frozen=True):
    type: str
    id: str
    attributes: _Attributes = _Attributes()
    relationships: dict[str, _Related] = {}


class _Links(msgspec.Struct, frozen=True):
    next: str | None = None


class _Document(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    included: list[msgspec.Raw] = []
    links: _Links = _Links()


class _Single(msgspec.Struct, frozen=True):
    data: _Resource


class _Error(msgspec.Struct, frozen=True):
    code: str | None = None


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error]


def _refusal(reply: Reply) -> CollectionFailed | None:
    """Who may not see something is told so with 403, and without a key with 401."""
    if reply.status != 403:
        return None
    try:
        errors = msgspec.json.decode(reply.body, type=_Errors, strict=False).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    codes = {each.code for each in errors}
    return AuthFailed(reply.said()) if "permission_denied" in codes else None


class Flarum:
    """Reads the posts of a forum, the newest first, a page a request; and the youngest again."""

    def __init__(self, config: Config, api: PlatformApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._terms = config.terms or ("",)

    async def collect(self, cursor: str | None) -> Page:
        at = remembered(cursor, Cursor) or Cursor(_seconds(self._clock() - _FIRST_LOOK))
        if at.term >= len(self._terms):  # a term has left the configuration
            at = msgspec.structs.replace(at, term=0, offset=0)
        reply = await self._api.get(f"{self._config.url}/api/posts", self._question(at))
        document = reply.decode(_Document)
        resources = decode_each(document.data, _Resource, PLATFORM)
        included = {
            (each.type, each.id): each.attributes
            for each in decode_each(document.included, _Resource, PLATFORM)
        }
        young = [each for each in resources if not _is_before(each, at.after)]
        shown_now = [each for each in young if not each.attributes.is_hidden]
        standing = [self._post(each, included) for each in shown_now if _is_text(each)]
        known = at.seen | at.reached
        posts, digests = changed(standing, known)
        hidden = [self._native_id(each) for each in young if each.attributes.is_hidden]
        has_more = bool(document.links.next) and len(young) == len(document.data) > _STEP_BACK
        after = self._next(at, resources, digests, len(document.data), has_more=has_more)
        return Page(
            posts=posts,
            cursor=cursor_of(after),
            deletions=tuple(
                Deletion(PLATFORM, each, self._clock()) for each in hidden if each in known
            ),
            more=after.term > 0 or after.offset > 0,
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
        return not reply.decode(_Single).data.attributes.is_hidden

    def _question(self, at: Cursor) -> dict[str, str | int]:
        asked: dict[str, str | int] = {
            "filter[type]": "comment",
            "sort": "-createdAt",
            "include": "user,discussion",
            "page[offset]": at.offset,
            "page[limit]": self._config.per_page,
        }
        term = self._terms[at.term].replace('"', " ")
        return asked | {"filter[q]": f'"{term}"'} if term else asked

    def _next(
        self,
        at: Cursor,
        page: Sequence[_Resource],
        digests: dict[str, str],
        length: int,
        *,
        has_more: bool,
    ) -> Cursor:
        """The next page of this term, the next term, or the next sweep."""
        # One clock that is ahead must not keep us from everything written until then.
        newest = min(max([at.newest, *map(_created, page)]), _seconds(self._clock()))
        overlap = int(self._config.reread.total_seconds())
        start = max(at.after, newest - overlap)
        young = {self._native_id(each) for each in page if not _is_before(each, start)}
        reached = at.reached | {name: new for name, new in digests.items() if name in young}
        reached = dict(islice(reached.items(), _MOST_REMEMBERED))
        if has_more:
            offset = at.offset + length - _STEP_BACK
            return msgspec.structs.replace(at, offset=offset, newest=newest, reached=reached)
        if at.term + 1 < len(self._terms):
            return msgspec.structs.replace(
                at, term=at.term + 1, offset=0, newest=newest, reached=reached
            )
        return Cursor(max(at.after, newest - overlap), seen=reached)

    def _native_id(self, resource: _Resource) -> str:
        return f"{site_of(self._config.url)}/{resource.id}"

    def _post(self, resource: _Resource, included: Mapping[tuple[str, str], _Attributes]) -> Post:
        post = resource.attributes
        discussion = _related(resource, "discussion")
        thread = f"{self._config.url}/d/{discussion.id}" if discussion else None
        topic = included.get((discussion.type, discussion.id)) if discussion else None
        is_first = post.number == 1
        return Post(
            platform=PLATFORM,
            native_id=self._native_id(resource),
            kind="post" if is_first else "reply",
            url=f"{thread}/{post.number or ''}" if thread else None,
            title=topic.title if topic and is_first else None,
            text=visible_text(post.content_html or ""),
            author=self._author(_related(resource, "user"), included),
            published_at=parse_date(post.created_at),
            edited_at=parse_date(post.edited_at or ""),
            thread=thread,
        )

    def _author(
        self, user: _Name | None, included: Mapping[tuple[str, str], _Attributes]
    ) -> PostAuthor | None:
        """None where the account is gone, or the answer left it out."""
        account = included.get((user.type, user.id)) if user else None
        if user is None or account is None or not account.username:
            return None
        return PostAuthor(
            id=f"{site_of(self._config.url)}/u/{user.id}",
            handle=account.username,
            name=account.display_name,
            url=f"{self._config.url}/u/{account.slug or account.username}",
        )


def _related(resource: _Resource, name: str) -> _Name | None:
    found = resource.relationships.get(name, _Related()).data
    return None if isinstance(found, list) else found


def _is_text(resource: _Resource) -> bool:
    """A post that somebody wrote; others tell of renamed or moved discussions."""
    post = resource.attributes
    return post.content_type == "comment" and post.content_html is not None


def _created(resource: _Resource) -> int:
    """Seconds since 1970; 0 when it is not said."""
    at = parse_date(resource.attributes.created_at)
    return _seconds(at) if at is not None else 0


def _is_before(resource: _Resource, seconds: int) -> bool:
    return 0 < _created(resource) < seconds


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
