"""Stack Exchange: questions and answers of Stack Overflow and its sister sites.

https://api.stackexchange.com/docs. What is shown elsewhere must name author and address (CC BY-SA).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field, SecretStr, StringConstraints

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, OverBudget, RateLimited, Rejected
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.pacing import after_seconds
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, earlier, noted, turned
from services.ingest.reading.visible_text import visible_text
from services.ingest.reading.wire import Count, Number, Seconds, UnixTime, time_at, unix_seconds

PLATFORM: Final = "stack_exchange"
_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(hours=1)
_TOGETHER: Final = 100
"""Ids that one question may hold."""
_NATIVE_ID: Final = re.compile(r"([a-z0-9.-]{2,60}):([0-9]{1,15})")
_OWN_DOMAINS: Final = {
    "stackoverflow": "stackoverflow.com",
    "serverfault": "serverfault.com",
    "superuser": "superuser.com",
    "askubuntu": "askubuntu.com",
    "stackapps": "stackapps.com",
    "mathoverflow": "mathoverflow.net",
}
_IN_SECONDS: Final = re.compile(r"available in (\d{1,7}) second")
_NOT_ALLOWED: Final = frozenset(
    (
        "access_denied",
        "access_token_compromised",
        "access_token_required",
        "invalid_access_token",
        "key_required",
    )
)

Site = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{2,60}$")]


class Config(SourceConfig):
    """Sites of Stack Exchange, searched for what the watches need.

    A request for each site and term: without a key there are 300 a day, with one 10,000.
    """

    kind: Literal["stack_exchange"] = "stack_exchange"
    sites: tuple[Site, ...] = Field(default=("stackoverflow",), min_length=1)
    """As the API calls them: `stackoverflow`, `unix`, `de.stackoverflow`."""
    key: SecretStr | None = None
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    api: BaseAddress = "https://api.stackexchange.com/2.3"
    per_page: int = Field(default=100, ge=1, le=100)

    @property
    def address(self) -> str:
        return f"{self.api} {', '.join(self.sites)}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(tools.client_for(self), tools.clock, tools.limits, judge=_judged)
        return StackExchange(self, api, tools.clock, self.terms or tools.keywords)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """spent_until: before then there is nothing left of the day's quota."""

    sweep: Sweep
    spent_until: Seconds = 0


class _Owner(msgspec.Struct, frozen=True):
    user_id: Number | None = None
    display_name: str | None = None
    link: str | None = None


class _Item(msgspec.Struct, frozen=True):
    question_id: Number
    creation_date: UnixTime
    answer_id: Number | None = None
    title: str | None = None
    body: str | None = None
    excerpt: str | None = None
    score: Count | None = None
    answer_count: Count | None = None
    owner: _Owner | None = None
    link: str | None = None


class _Standing(msgspec.Struct, frozen=True):
    post_id: Number


class _Wrapper(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    has_more: bool = False
    backoff: float | None = None
    quota_remaining: Count | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error_name: str
    error_message: str = ""
    backoff: float | None = None
    quota_remaining: Count | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    site: str
    term: str


class StackExchange:
    """Searches site by site for one term after the other, the newest first; a page a request."""

    def __init__(
        self, config: Config, api: PlatformApi, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._questions = [_Question(site, term) for site in config.sites for term in terms]

    async def collect(self, cursor: str | None) -> Page:
        if not self._questions:
            raise Rejected("no watch names a word to search for: set `terms`")
        now = self._clock()
        first = Cursor(Sweep(after=unix_seconds(now - _FIRST_LOOK)))
        at = remembered(cursor, Cursor) or first
        if at.spent_until > unix_seconds(now):
            raise _spent(time_at(at.spent_until))
        asked = [f"{question.site} {question.term}" for question in self._questions]
        sweep = begun(at.sweep, asked, now)
        question = self._questions[sweep.question]
        reply = await self._api.get(
            f"{self._config.api}/search/excerpts", self._parameters(question, sweep)
        )
        return self._page(sweep, question, reply)

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(Sweep(after=unix_seconds(start))))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        by_site: dict[str, list[str]] = {}
        for found in filter(None, map(_NATIVE_ID.fullmatch, native_ids)):
            by_site.setdefault(found[1], []).append(found[2])
        batches = [
            (site, ids[start : start + _TOGETHER])
            for site, ids in by_site.items()
            for start in range(0, len(ids), _TOGETHER)
        ]
        gone: list[Deletion] = []
        for number, (site, ids) in enumerate(batches, start=1):
            reply = await self._api.get(
                f"{self._config.api}/posts/{';'.join(ids)}", self._common(site)
            )
            answer = reply.decode(_Wrapper)
            standing = {
                str(each.post_id) for each in decode_each(answer.items, _Standing, PLATFORM)
            }
            if len(standing) == len(answer.items):  # else the missing ones may well stand
                missing = [number for number in ids if number not in standing]
                gone += [Deletion(PLATFORM, f"{site}:{each}", self._clock()) for each in missing]
            if answer.backoff and number < len(batches):
                raise RateLimited(
                    "Stack Exchange asks to wait",
                    not_before=after_seconds(answer.backoff, reply.at),
                )
        return gone

    def _page(self, sweep: Sweep, question: _Question, reply: Reply) -> Page:
        answer = reply.decode(_Wrapper)
        items = decode_each(answer.items, _Item, PLATFORM)
        posts, sweep = noted(sweep, [_post(question.site, item) for item in items], _OVERLAP)
        times = [item.creation_date for item in items]
        has_more = answer.has_more and bool(answer.items)
        before, complete = earlier(sweep, times, has_more=has_more)
        if before is not None:
            sweep = turned(sweep, before, len(answer.items))
        else:
            sweep = answered(sweep, len(self._questions), _OVERLAP)
        spent = answer.quota_remaining is not None and answer.quota_remaining <= 0
        until = unix_seconds(_midnight(reply.at)) if spent else 0
        wait = after_seconds(answer.backoff, reply.at) if answer.backoff else None
        return Page(
            posts=posts,
            cursor=cursor_of(Cursor(sweep, until)),
            next_in=wait - reply.at if wait is not None else None,
            more=sweep.is_underway,
            complete=complete,
            health="ok" if posts else "unchanged",
            reads=1,
        )

    def _parameters(self, question: _Question, sweep: Sweep) -> dict[str, str | int]:
        asked = self._common(question.site) | {
            "q": '"' + question.term.replace('"', " ") + '"',
            "sort": "creation",
            "order": "desc",
            "fromdate": sweep.after,
        }
        if sweep.page is not None:
            asked["todate"] = sweep.page
        return asked

    def _common(self, site: str) -> dict[str, str | int]:
        asked: dict[str, str | int] = {"site": site, "pagesize": self._config.per_page}
        if self._config.key is not None:
            asked["key"] = self._config.key.get_secret_value()
        return asked


def _judged(reply: Reply) -> CollectionFailed | None:
    """Refusals have their names in the body; a throttled request comes back with 400 or 503."""
    if reply.status < 400:
        return None
    try:
        refusal = msgspec.json.decode(reply.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = f"{refusal.error_name}: {refusal.error_message}"[:300]
    if refusal.error_name == "throttle_violation":
        if refusal.quota_remaining == 0:
            return _spent(_midnight(reply.at))
        wait = _IN_SECONDS.search(refusal.error_message)
        seconds = refusal.backoff or (wait[1] if wait else "")
        return RateLimited(said, not_before=after_seconds(seconds, reply.at))
    is_about_key = refusal.error_name == "bad_parameter" and "`key`" in refusal.error_message
    if is_about_key or refusal.error_name in _NOT_ALLOWED:
        return AuthFailed(said)
    return Rejected(said) if reply.status < 500 else None


def _spent(until: datetime) -> OverBudget:
    return OverBudget("the day's quota of Stack Exchange is used up", not_before=until)


def _midnight(now: datetime) -> datetime:
    """The next one in UTC, when quotas begin anew."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def _post(site: str, item: _Item) -> Post:
    is_answer = item.answer_id is not None
    title = html.unescape(item.title) if item.title else None
    return Post(
        platform=PLATFORM,
        native_id=f"{site}:{item.answer_id if is_answer else item.question_id}",
        kind="answer" if is_answer else "question",
        url=item.link or _address(site, item),
        title=title,
        text=visible_text(item.body or item.excerpt or "") or title or "",
        author=_author(site, item.owner) if item.owner else None,
        published_at=time_at(item.creation_date),
        thread=f"{site}:{item.question_id}",
        in_reply_to=f"{site}:{item.question_id}" if is_answer else None,
        engagement=Engagement(likes=item.score, replies=item.answer_count),
    )


def _address(site: str, item: _Item) -> str:
    domain = _OWN_DOMAINS.get(site)
    if domain is None:
        own = [name for name in _OWN_DOMAINS if site.endswith(f".{name}")]
        domain = f"{site}.com" if own else f"{site}.stackexchange.com"
    if item.answer_id is not None:
        return f"https://{domain}/a/{item.answer_id}"
    return f"https://{domain}/q/{item.question_id}"


def _author(site: str, owner: _Owner) -> PostAuthor:
    """Accounts are numbered by each site for itself."""
    return PostAuthor(
        id=f"{site}:{owner.user_id}" if owner.user_id is not None else None,
        name=html.unescape(owner.display_name) if owner.display_name else None,
        url=owner.link,
    )
