"""Bluesky, searched for what the watches need, through an account of one's own.

The public address refuses searches, so they go to the account's server (PDS), which passes them
on: https://docs.bsky.app/docs/api/app-bsky-feed-search-posts. For everything that is written kind
`jetstream` is the reliable way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
import structlog
from pydantic import Field, SecretStr, StringConstraints

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, BackOff, Blocked, CollectionFailed, Rejected
from services.ingest.post import Deletion, Page, Post
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.bluesky_record import COLLECTION, PLATFORM, Record, post_of
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.pacing import at_unix_time
from services.ingest.reading.platform_api import PlatformApi, Reply, asked_by_header, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import Count, time_at, unix_seconds

logger = structlog.get_logger(__name__)

_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(minutes=15)
"""The search lags behind: so far is read again."""
_TOGETHER: Final = 25
"""Posts or profiles that one question may name."""
_NO_LOGIN: Final = BackOff(timedelta(minutes=5), timedelta(hours=6), factor=2.0)
"""Waits after a refused login: thirty in five minutes lock the account's door."""


class Config(SourceConfig):
    """Bluesky, searched for what the watches need; it needs an account and an app password."""

    kind: Literal["bluesky"] = "bluesky"
    identifier: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    """The account's handle, as acme.bsky.social."""
    app_password: SecretStr
    """One made for this purpose, in the settings under "App Passwords"; not the account's own."""
    server: BaseAddress = "https://bsky.social"
    """The account's server (PDS)."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    followers: bool = False
    """Whether authors' numbers of followers are asked for: one more request per 25 authors."""
    per_page: int = Field(default=100, ge=1, le=100)

    @property
    def address(self) -> str:
        return self.server

    @property
    def host(self) -> str:
        return host_of(self.server)

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(
            tools.client_for(self), tools.clock, tools.limits, judge=_judged, wait=_asked_wait
        )
        password = self.app_password.get_secret_value()
        account = _Account(api, self.server, self.identifier, password)
        return Bluesky(self, account, tools.clock, self.terms or tools.keywords)


class _Author(msgspec.Struct, frozen=True):
    did: Annotated[str, msgspec.Meta(pattern=r"^did:[!-~]{1,300}\Z")]
    handle: str | None = None
    displayName: str | None = None


class _View(msgspec.Struct, frozen=True):
    uri: Annotated[str, msgspec.Meta(pattern=rf"^at://[!-~]+/{COLLECTION}/[!-~]+\Z")]
    author: _Author
    record: Record
    indexedAt: datetime
    replyCount: Count | None = None
    repostCount: Count | None = None
    quoteCount: Count | None = None
    likeCount: Count | None = None


class _Found(msgspec.Struct, frozen=True):
    posts: list[msgspec.Raw]
    cursor: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class _Standing(msgspec.Struct, frozen=True):
    uri: str


class _Profile(msgspec.Struct, frozen=True):
    did: str
    followersCount: Count | None = None


class _Profiles(msgspec.Struct, frozen=True):
    profiles: list[msgspec.Raw]


class _Problem(msgspec.Struct, frozen=True):
    error: str = ""
    message: str = ""


class _Tokens(msgspec.Struct, frozen=True):
    accessJwt: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,10000}\Z")]
    refreshJwt: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,10000}\Z")]


class Bluesky:
    """Searches for one term after the other, the newest post first; a page a request."""

    def __init__(
        self, config: Config, account: _Account, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._account = account
        self._clock = clock
        self._terms = [term.replace('"', " ") for term in terms]

    async def collect(self, cursor: str | None) -> Page:
        if not self._terms:
            raise Rejected("no watch names a word to search for: set `terms`")
        now = self._clock()
        first = Sweep(after=unix_seconds(now - _FIRST_LOOK))
        sweep = begun(remembered(cursor, Sweep) or first, self._terms, now)
        account = self._account.visit()
        try:
            reply = await account.get("app.bsky.feed.searchPosts", self._question(sweep))
        except Rejected as refusal:
            if sweep.page is None:
                raise
            # Its marks of pages do not hold for ever: the rest of this term is given up.
            logger.warning("a search broke off", source=self._config.id, why=str(refusal))
            return self._page(sweep, (), None, complete=False)
        found = reply.decode(_Found)
        views = decode_each(found.posts, _View, PLATFORM)
        page = self._page(sweep, [_post(view) for view in views], found.cursor)
        if self._config.followers and page.posts:
            return await _with_followers(page, account)
        return page

    def since(self, start: datetime) -> str:
        return cursor_of(Sweep(after=unix_seconds(start)))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        """Posts that are not there any more; those of accounts that are gone, too."""
        gone: list[Deletion] = []
        account = self._account.visit()
        for uris in _parts(native_ids):
            reply = await account.get("app.bsky.feed.getPosts", [("uris", uri) for uri in uris])
            views = decode_each(reply.decode(_Found).posts, _Standing, PLATFORM)
            standing = {view.uri for view in views}
            now = self._clock()
            gone += [Deletion(PLATFORM, uri, now) for uri in uris if uri not in standing]
        return gone

    def _question(self, sweep: Sweep) -> list[tuple[str, str]]:
        term = self._terms[sweep.question]
        asked = [
            ("q", f'"{term}"' if " " in term else term),
            ("sort", "latest"),
            ("since", time_at(sweep.after).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("limit", str(self._config.per_page)),
        ]
        return asked if sweep.page is None else [*asked, ("cursor", sweep.page)]

    def _page(
        self, sweep: Sweep, posts: Sequence[Post], following: str | None, *, complete: bool = True
    ) -> Page:
        news, after = noted(sweep, posts, _OVERLAP)
        if following is not None and following != sweep.page:
            after = turned(after, following, len(posts))
        else:
            after = answered(after, len(self._terms), _OVERLAP)
        return Page(
            posts=news,
            cursor=cursor_of(after),
            more=after.is_underway,
            complete=complete,
            health="ok" if news else "unchanged",
        )


@dataclass(slots=True)
class _Account:
    """The account at its server. The session is kept in memory and used until it is refused."""

    api: PlatformApi
    server: str
    identifier: str
    password: str = field(repr=False)
    _tokens: _Tokens | None = field(default=None, repr=False)

    def visit(self) -> _Visit:
        """For one reading: in it the session is renewed at most once, and opened at most once."""
        return _Visit(self)

    async def ask(self, method: str, params: Sequence[tuple[str, str]]) -> Reply:
        if self._tokens is None:
            raise _Expired("there is no session")
        url = f"{self.server}/xrpc/{method}?{urlencode(params)}"
        return await self.api.get(url, headers=_bearer(self._tokens.accessJwt))

    async def renew(self) -> bool:
        """Whether the session could be renewed."""
        if self._tokens is None:
            return False
        url = f"{self.server}/xrpc/com.atproto.server.refreshSession"
        try:
            reply = await self.api.post(url, headers=_bearer(self._tokens.refreshJwt))
        except (AuthFailed, Rejected):
            self._tokens = None
            return False
        self._tokens = reply.decode(_Tokens)
        return True

    async def log_in(self) -> None:
        url = f"{self.server}/xrpc/com.atproto.server.createSession"
        credentials = {"identifier": self.identifier, "password": self.password}
        try:
            self._tokens = (await self.api.post(url, json=credentials)).decode(_Tokens)
        except (AuthFailed, Rejected) as refusal:
            raise AuthFailed(f"the login is refused; {refusal}", back_off=_NO_LOGIN) from None


@dataclass(slots=True)
class _Visit:
    account: _Account
    _was_renewed: bool = False

    async def get(self, method: str, params: Sequence[tuple[str, str]]) -> Reply:
        """A good answer. Raises CollectionFailed."""
        try:
            return await self.account.ask(method, params)
        except AuthFailed:
            if self._was_renewed:
                raise
            self._was_renewed = True
        if not await self.account.renew():
            await self.account.log_in()
        return await self.account.ask(method, params)


class _Expired(AuthFailed):
    """The session is over, or there is none yet."""


def _judged(reply: Reply) -> CollectionFailed | None:
    """An expired session is told with 400; a search for strangers is refused with a page."""
    if reply.status == 403:
        return Blocked(f"Bluesky does not allow this here; {reply.said()}")
    if reply.status != 400:
        return None
    try:
        problem = msgspec.json.decode(reply.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if problem.error in ("ExpiredToken", "InvalidToken", "AuthMissing"):
        return _Expired(reply.said())
    return None


def _asked_wait(reply: Reply) -> datetime | None:
    """When a new period begins, which every answer tells, counts for those that are too many."""
    if reply.status == 429:
        reset = at_unix_time(reply.headers.get("ratelimit-reset", ""), reply.at)
        return reset or asked_by_header(reply)
    return asked_by_header(reply)


async def _with_followers(page: Page, account: _Visit) -> Page:
    """The same with the authors' followers, as far as the server tells."""
    dids = dict.fromkeys(post.author.id for post in page.posts if post.author and post.author.id)
    known: dict[str, int | None] = {}
    try:
        for some in _parts(list(dids)):
            reply = await account.get("app.bsky.actor.getProfiles", [("actors", d) for d in some])
            profiles = decode_each(reply.decode(_Profiles).profiles, _Profile, PLATFORM)
            known |= {profile.did: profile.followersCount for profile in profiles}
    except CollectionFailed as failure:
        logger.warning("followers are not known", platform=PLATFORM, reason=failure.reason)
    posts = tuple(_followed(post, known) for post in page.posts)
    return Page(posts, page.cursor, more=page.more, complete=page.complete, health=page.health)


def _followed(post: Post, known: Mapping[str, int | None]) -> Post:
    author = post.author
    if author is None or author.id is None:
        return post
    followed = msgspec.structs.replace(author, followers=known.get(author.id))
    return msgspec.structs.replace(post, author=followed)


def _post(view: _View) -> Post:
    return post_of(
        view.author.did,
        view.uri.rpartition("/")[2],
        view.record,
        _utc(view.indexedAt),
        handle=view.author.handle,
        name=view.author.displayName or None,
        engagement=Engagement(
            likes=view.likeCount,
            reposts=None if view.repostCount is None else view.repostCount + (view.quoteCount or 0),
            replies=view.replyCount,
        ),
    )


def _parts(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _TOGETHER] for start in range(0, len(items), _TOGETHER))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError:  # within hours of the year 1 or 9999
        return at.replace(tzinfo=UTC)
