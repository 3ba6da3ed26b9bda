"""Yelp: the newest reviews of a business, as short excerpts.

Yelp shows the beginnings of three reviews and no more, so a busy business is read in part; and it
does not allow what it shows to be kept for longer than a day, which is for the retention settings
to see to. https://docs.developer.yelp.com
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from pydantic import Field, SecretStr, field_validator

from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import CollectionFailed, OverBudget
from services.ingest.post import Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.newest_first import Lists
from services.ingest.reading.pacing import at_timestamp
from services.ingest.reading.platform_api import PlatformApi, Reply, asked_by_header, decode_each
from services.ingest.reading.stars import of_five
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "yelp"
_ALWAYS: Final = timedelta(days=3650)


class Config(SourceConfig):
    """Excerpts of a business's newest reviews on Yelp."""

    kind: Literal["yelp"] = "yelp"
    business: Annotated[str, Field(pattern=r"^[\w.~-]+$", max_length=200)]
    """The id of the business, or the last part of its address on Yelp."""
    api_key: SecretStr
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}_[A-Z]{2}$")] = "de_DE"
    """Yelp shows the reviews of one language."""
    timezone: str = "Europe/Berlin"
    """Where the times that Yelp gives without a zone are true."""
    api: BaseAddress = "https://api.yelp.com/v3"

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected an IANA time zone such as Europe/Berlin") from error
        return name

    @property
    def address(self) -> str:
        return f"{self.api}/businesses/{self.business}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(
            tools.client_for(self),
            tools.clock,
            tools.limits,
            {"Authorization": f"Bearer {self.api_key.get_secret_value()}"},
            judge=_judged,
            wait=_wait,
        )
        return Yelp(self, api)


class _User(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    profile_url: str | None = None


class _Review(msgspec.Struct, frozen=True):
    id: str
    text: str = ""
    url: str | None = None
    rating: float | None = None
    time_created: str | None = None
    user: _User | None = None


class _Reviews(msgspec.Struct, frozen=True):
    reviews: list[msgspec.Raw]


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error


class Yelp:
    """Reads the one page there is."""

    def __init__(self, config: Config, api: PlatformApi) -> None:
        self._config = config
        self._api = api
        self._zone = ZoneInfo(config.timezone)
        self._lists = Lists([config.business], _ALWAYS)

    async def collect(self, cursor: str | None) -> Page:
        sweep = self._lists.sweep(cursor, self._api.clock())
        reply = await self._api.get(
            f"{self._config.address}/reviews",
            {"locale": self._config.locale, "sort_by": "newest"},
        )
        reviews = decode_each(reply.decode(_Reviews).reviews, _Review, PLATFORM)
        lang = self._config.locale.partition("_")[0]
        posts = [_post(review, lang, self._zone) for review in reviews]
        return self._lists.page(sweep, posts, None)


def _post(review: _Review, lang: str, zone: ZoneInfo) -> Post:
    return Post(
        platform=PLATFORM,
        native_id=review.id,
        kind="review",
        url=review.url if _is_web(review.url) else None,
        text=visible_text(review.text),
        lang=lang,
        author=_author(review.user),
        published_at=_in_utc(review.time_created or "", zone),
        rating=of_five(review.rating),
    )


def _in_utc(local: str, zone: ZoneInfo) -> datetime | None:
    try:
        at = datetime.fromisoformat(local)
        return at.replace(tzinfo=at.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _author(user: _User | None) -> PostAuthor | None:
    if user is None or not (user.id or user.name):
        return None
    url = user.profile_url
    return PostAuthor(id=user.id, name=user.name, url=url if _is_web(url) else None)


def _is_web(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://"))


def _wait(reply: Reply) -> datetime | None:
    """Yelp names the time at which the day's requests begin anew."""
    reset = at_timestamp(reply.headers.get("ratelimit-resettime", ""), reply.at)
    return asked_by_header(reply) or reset


def _judged(reply: Reply) -> CollectionFailed | None:
    """The day's requests are used up, which is no hurry that passes in a second."""
    if reply.status != 429:
        return None
    try:
        code = msgspec.json.decode(reply.body, type=_Refusal).error.code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if code == "ACCESS_LIMIT_REACHED":
        return OverBudget(reply.said(), not_before=_wait(reply))
    return None
