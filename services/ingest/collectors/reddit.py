"""Reddit: posts found by search, and posts and comments of named subreddits.

Reddit searches posts only; comments are read from the subreddits and matched here. An app needs
Reddit's approval since November 2025: https://support.reddithelp.com
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field, SecretStr, StringConstraints, model_validator

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, Blocked, CollectionFailed, Missing, Rejected
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, WebAddress, host_of
from services.ingest.reading.answer import is_html
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.pacing import after_seconds
from services.ingest.reading.platform_api import PlatformApi, Reply, asked_by_header, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import Count, UnixTime, time_at, unix_seconds

PLATFORM: Final = "reddit"
_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(hours=1)
"""The search lags behind, and moderators let posts through late: so far is read again."""
_TOGETHER: Final = 100
"""Ids that one question to /api/info may hold."""
_FULL_NAME: Final = re.compile(r"t[13]_[a-z0-9]{1,20}")
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_NOBODY: Final = "[deleted]"
_EMPTIED: Final = ("[deleted]", "[removed]", "[ Removed by Reddit ]")
_PERIODS: Final = (
    (timedelta(hours=23), "day"),
    (timedelta(days=6), "week"),
    (timedelta(days=27), "month"),
    (timedelta(days=360), "year"),
)
"""How far back the search is asked to go, by the age of what is wanted."""

Subreddit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{2,50}$")]
UserAgent = Annotated[
    str, StringConstraints(pattern=r"^[\x21-\x7e][\x20-\x7e]*\(by /?u/[A-Za-z0-9_-]+\)$")
]


class Config(SourceConfig):
    """Reddit, searched for what the watches need, and whole subreddits with their comments.

    For an app of the type "script" or "web app" that Reddit has approved.
    """

    kind: Literal["reddit"] = "reddit"
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$")]
    client_secret: SecretStr
    user_agent: UserAgent
    """`<platform>:<app id>:<version> (by /u/<name>)`, as Reddit demands: of its own, and true."""
    search: bool = True
    """Whether all of Reddit is searched."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    subreddits: tuple[Subreddit, ...] = ()
    """Read as a whole, comments too."""
    api: BaseAddress = "https://oauth.reddit.com"
    token_url: WebAddress = "https://www.reddit.com/api/v1/access_token"
    site: BaseAddress = "https://www.reddit.com"
    """What the addresses of posts begin with."""
    per_page: int = Field(default=100, ge=1, le=100)
    deepest: int = Field(default=1000, ge=1)
    """Entries of a listing that Reddit shows at most."""

    @model_validator(mode="after")
    def _something_to_read(self) -> Config:
        if not self.search and not self.subreddits:
            raise ValueError("expected `subreddits`, since nothing is searched")
        return self

    @property
    def address(self) -> str:
        named = f"/r/{'+'.join(self.subreddits)}" if self.subreddits else ""
        return f"{self.site}{named}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(
            tools.client_for(self),
            tools.clock,
            tools.limits,
            headers={"User-Agent": self.user_agent},
            judge=_judged,
            wait=_asked_wait,
        )
        return Reddit(self, api, tools.clock, self.terms or tools.keywords)


class _Token(msgspec.Struct, frozen=True):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,4000}\Z")] | None = None
    error: str | int | None = None


class _Entries(msgspec.Struct, frozen=True):
    children: list[msgspec.Raw]
    after: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class _Listing(msgspec.Struct, frozen=True):
    data: _Entries


class _Thing(msgspec.Struct, frozen=True):
    """A post (t3) or a comment (t1). edited: False, or when."""

    name: Annotated[str, msgspec.Meta(pattern=rf"^{_FULL_NAME.pattern}\Z")]
    created_utc: UnixTime
    permalink: Annotated[str, msgspec.Meta(pattern="^/")] | None = None
    author: str | None = None
    author_fullname: str | None = None
    title: str | None = None
    selftext: str | None = None
    body: str | None = None
    ups: Count | None = None
    num_comments: Count | None = None
    edited: UnixTime | bool | None = None
    link_id: str | None = None
    parent_id: str | None = None
    removed_by_category: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether what stands here is only a grave."""
        written = self.body if self.body is not None else self.selftext
        return self.removed_by_category is not None or written in _EMPTIED


class _Child(msgspec.Struct, frozen=True):
    data: _Thing


@dataclass(frozen=True, slots=True)
class _Question:
    path: str
    term: str | None = None


class Reddit:
    """Asks listing after listing, each from its newest entry down.

    The access token is kept in memory, asked for when there is none, and once anew when it is
    refused.
    """

    def __init__(
        self, config: Config, api: PlatformApi, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._token: str | None = None
        self._questions = _questions(config, terms)

    async def collect(self, cursor: str | None) -> Page:
        if not self._questions:
            raise Rejected("no watch names a word to search for: set `terms` or `subreddits`")
        now = self._clock()
        first = Sweep(after=unix_seconds(now - _FIRST_LOOK))
        asked = [f"{question.path} {question.term}" for question in self._questions]
        sweep = begun(remembered(cursor, Sweep) or first, asked, now)
        question = self._questions[sweep.question]
        reply = await self._get(question.path, self._parameters(question, sweep, now))
        listing = reply.decode(_Listing).data
        return self._page(sweep, listing, _wait_before_more(reply))

    def since(self, start: datetime) -> str:
        return cursor_of(Sweep(after=unix_seconds(start)))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        """Missing or emptied. Reddit's terms want both forgotten, authors included."""
        gone: list[Deletion] = []
        wanted = [name for name in native_ids if _FULL_NAME.fullmatch(name)]
        for start in range(0, len(wanted), _TOGETHER):
            names = wanted[start : start + _TOGETHER]
            reply = await self._get("/api/info", {"id": ",".join(names), "raw_json": 1})
            children = reply.decode(_Listing).data.children
            things = [child.data for child in decode_each(children, _Child, PLATFORM)]
            standing = {thing.name for thing in things if not thing.is_gone}
            if len(things) < len(children):  # what cannot be read may well stand
                standing |= set(names) - {thing.name for thing in things}
            gone += [_deletion(name, self._clock()) for name in names if name not in standing]
        return gone

    def _page(self, sweep: Sweep, listing: _Entries, wait: timedelta | None) -> Page:
        things = [child.data for child in decode_each(listing.children, _Child, PLATFORM)]
        graves = [thing.name for thing in things if thing.is_gone and sweep.knows(thing.name)]
        standing = [_post(thing, self._config.site) for thing in things if not thing.is_gone]
        posts, noted_ = noted(sweep, standing, _OVERLAP)
        entries = len(listing.children)
        oldest = min((thing.created_utc for thing in things), default=None)
        is_through = oldest is not None and oldest <= sweep.after
        if listing.after and not is_through and entries:
            after = turned(noted_, listing.after, entries)
        else:
            after = answered(noted_, len(self._questions), _OVERLAP)
        return Page(
            posts=posts,
            cursor=cursor_of(after),
            deletions=tuple(_deletion(name, self._clock()) for name in graves),
            next_in=wait,
            more=after.is_underway,
            complete=is_through or bool(listing.after) or not self._is_cut(sweep, entries),
            health="ok" if posts or graves else "unchanged",
            reads=1,
        )

    def _is_cut(self, sweep: Sweep, entries: int) -> bool:
        """Whether a listing that ended was longer: Reddit shows the first thousand only, and
        nothing behind an entry that is gone."""
        reached_wall = sweep.depth + entries > self._config.deepest - self._config.per_page
        lost_its_way = sweep.page is not None and not entries
        return reached_wall or lost_its_way

    def _parameters(self, question: _Question, sweep: Sweep, now: datetime) -> dict[str, str | int]:
        asked: dict[str, str | int] = {"limit": self._config.per_page, "raw_json": 1}
        if question.term is not None:
            age = timedelta(seconds=max(0, unix_seconds(now) - sweep.after))
            period = next((name for longest, name in _PERIODS if age <= longest), "all")
            asked |= {"q": f'"{question.term}"', "sort": "new", "type": "link", "t": period}
        if sweep.page is not None:
            asked["after"] = sweep.page
        return asked

    async def _get(self, path: str, parameters: dict[str, str | int]) -> Reply:
        """A good answer; a token that is refused is asked for anew, once."""
        if (token := self._token) is not None:
            try:
                return await self._get_with(token, path, parameters)
            except AuthFailed:
                self._token = None
        self._token = await self._new_token()
        return await self._get_with(self._token, path, parameters)

    async def _get_with(self, token: str, path: str, parameters: dict[str, str | int]) -> Reply:
        headers = {"Authorization": f"bearer {token}"}
        return await self._api.get(f"{self._config.api}{path}", parameters, headers)

    async def _new_token(self) -> str:
        credentials = (self._config.client_id, self._config.client_secret.get_secret_value())
        form = {"grant_type": "client_credentials"}
        reply = await self._api.post(self._config.token_url, form=form, auth=credentials)
        answer = reply.decode(_Token)
        if answer.access_token is None:
            raise AuthFailed(f"Reddit gave no token: {answer.error or 'without a reason'}"[:200])
        return answer.access_token


def _questions(config: Config, terms: Sequence[str]) -> tuple[_Question, ...]:
    searched = terms if config.search else ()
    found = [_Question("/search", term.replace('"', " ")) for term in searched]
    if config.subreddits:
        named = "+".join(config.subreddits)
        found += [_Question(f"/r/{named}/new"), _Question(f"/r/{named}/comments")]
    return tuple(found)


def _judged(reply: Reply) -> CollectionFailed | None:
    """Reddit sends programs it does not know a page with 403, and leads away from what is not."""
    if reply.status == 403 and is_html(reply.body):
        return Blocked("Reddit answered 403 with a page: is the app approved, the user agent true?")
    if 300 <= reply.status < 400:
        return Missing(f"Reddit answered {reply.status}: there is no such subreddit")
    return None


def _asked_wait(reply: Reply) -> datetime | None:
    """The wait of a refused request: the headers say in how many seconds a new period begins."""
    reset = after_seconds(reply.headers.get("x-ratelimit-reset", ""), reply.at)
    return asked_by_header(reply) or (reset if reply.status == 429 else None)


def _wait_before_more(reply: Reply) -> timedelta | None:
    """How long to wait since no request is left in this period; None when one is."""
    remaining = reply.headers.get("x-ratelimit-remaining", "").strip()
    reset = after_seconds(reply.headers.get("x-ratelimit-reset", ""), reply.at)
    if reset is None or not _DECIMAL.fullmatch(remaining) or float(remaining) >= 1:
        return None
    return reset - reply.at


def _post(thing: _Thing, site: str) -> Post:
    is_comment = thing.name.startswith("t1_")
    text = (thing.body if is_comment else thing.selftext) or ""
    edited = thing.edited
    return Post(
        platform=PLATFORM,
        native_id=thing.name,
        kind="comment" if is_comment else "post",
        url=site + thing.permalink if thing.permalink else None,
        title=None if is_comment else thing.title,
        text=text or thing.title or "",
        author=_author(thing, site),
        published_at=time_at(thing.created_utc),
        edited_at=None if edited is None or isinstance(edited, bool) else time_at(edited),
        thread=thing.link_id if is_comment else thing.name,
        in_reply_to=thing.parent_id,
        engagement=Engagement(likes=thing.ups, replies=thing.num_comments),
    )


def _author(thing: _Thing, site: str) -> PostAuthor | None:
    if thing.author is None or thing.author == _NOBODY:
        return None
    return PostAuthor(
        id=thing.author_fullname, handle=thing.author, url=f"{site}/user/{thing.author}"
    )


def _deletion(name: str, at: datetime) -> Deletion:
    return Deletion(PLATFORM, name, at)
