"""Trustpilot: the public reviews of one business.

Through the public API with an application's key, which needs no login of the business:
https://developers.trustpilot.com
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
from pydantic import Field, SecretStr

from libs.common.events import Engagement
from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, Missing
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.answer import is_html
from services.ingest.reading.dates import parse_date
from services.ingest.reading.feed_formats.entry import language_tag
from services.ingest.reading.newest_first import PAGE_UNKNOWN, Lists, page_number, sweep_since
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.stars import of_five
from services.ingest.reading.visible_text import visible_text
from services.ingest.reading.wire import Count

PLATFORM: Final = "trustpilot"


class Config(SourceConfig):
    """Reviews of one business on Trustpilot."""

    kind: Literal["trustpilot"] = "trustpilot"
    business_unit: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$", max_length=253)]
    """The id of the business unit, or the domain it is reviewed under."""
    api_key: SecretStr
    """The key of an application in Trustpilot's developer portal."""
    api: BaseAddress = "https://api.trustpilot.com/v1"
    site: BaseAddress = "https://www.trustpilot.com"
    """Where people read the reviews."""
    edits_within: Duration = timedelta(days=2)
    """So long after it was written an edited review is found: the newest reviews come first, so
    every page back to then is read again each time."""
    per_page: int = Field(default=100, ge=1, le=100)

    @property
    def address(self) -> str:
        return f"{self.api}/business-units/{self.business_unit}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        headers = {"apikey": self.api_key.get_secret_value()}
        client = tools.client_for(self)
        api = PlatformApi(client, tools.clock, tools.limits, headers, judge=_judged)
        return Trustpilot(self, api)


class _Unit(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]{1,64}$")]


class _Consumer(msgspec.Struct, frozen=True):
    id: str | None = None
    displayName: str | None = None
    displayLocation: str | None = None


class _Review(msgspec.Struct, frozen=True):
    id: str
    stars: float | None = None
    title: str | None = None
    text: str | None = None
    language: str | None = None
    createdAt: str | None = None
    updatedAt: str | None = None
    consumer: _Consumer | None = None
    numberOfLikes: Count | None = None


class _Reviews(msgspec.Struct, frozen=True):
    reviews: list[msgspec.Raw]


class Trustpilot:
    """Reads the newest reviews first; pages are numbered from one."""

    def __init__(self, config: Config, api: PlatformApi) -> None:
        self._config = config
        self._api = api
        self._lists = Lists([config.business_unit], config.edits_within)
        self._unit = config.business_unit if "." not in config.business_unit else None

    async def collect(self, cursor: str | None) -> Page:
        sweep = self._lists.sweep(cursor, self._api.clock())
        unit = self._unit = self._unit or await self._found()
        number = page_number(sweep)
        try:
            reply = await self._api.get(
                f"{self._config.api}/business-units/{unit}/reviews",
                {"orderBy": "createdat.desc", "perPage": self._config.per_page, "page": number},
            )
        except PAGE_UNKNOWN:
            if sweep.page is None:
                raise
            return self._lists.again(sweep)
        raw = reply.decode(_Reviews).reviews
        posts = [_post(each, self._config.site) for each in decode_each(raw, _Review, PLATFORM)]
        # The page after the last is an empty one.
        return self._lists.page(sweep, posts, str(number + 1) if raw else None)

    def since(self, start: datetime) -> str:
        return sweep_since(start)

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone: list[Deletion] = []
        for native_id in native_ids:
            try:
                await self._api.get(f"{self._config.api}/reviews/{quote(native_id, safe='')}")
            except Missing:
                gone.append(Deletion(PLATFORM, native_id, self._api.clock()))
        return gone

    async def _found(self) -> str:
        """The id of the business unit whose domain is known."""
        reply = await self._api.get(
            f"{self._config.api}/business-units/find", {"name": self._config.business_unit}
        )
        return reply.decode(_Unit).id


def _judged(reply: Reply) -> CollectionFailed | None:
    """A key that is missing or wrong is answered with 403."""
    if reply.status == 403 and not is_html(reply.body):
        return AuthFailed(reply.said())
    return None


def _post(review: _Review, site: str) -> Post:
    title = visible_text(review.title or "")
    return Post(
        platform=PLATFORM,
        native_id=review.id,
        kind="review",
        url=f"{site}/reviews/{review.id}",
        title=title or None,
        text=visible_text(review.text or "") or title,
        lang=language_tag(review.language),
        author=_author(review.consumer),
        published_at=parse_date(review.createdAt),
        edited_at=parse_date(review.updatedAt),
        rating=of_five(review.stars),
        engagement=Engagement(likes=review.numberOfLikes),
        place=(review.consumer and review.consumer.displayLocation) or None,
    )


def _author(consumer: _Consumer | None) -> PostAuthor | None:
    if consumer is None or not (consumer.id or consumer.displayName):
        return None
    return PostAuthor(id=consumer.id, name=consumer.displayName)
