"""Google Business Profile: the reviews of your own places on Google Maps and Search.

Needs access to the Business Profile APIs, which Google gives on application, and the consent of
a person who manages the places: https://developers.google.com/my-business
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
from pydantic import Field, SecretStr

from libs.common.clock import Clock
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import Missing
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, WebAddress, host_of
from services.ingest.reading.dates import parse_date
from services.ingest.reading.google_oauth import TOKENS, AsPerson, GoogleApi
from services.ingest.reading.newest_first import PAGE_UNKNOWN, Lists, sweep_since
from services.ingest.reading.platform_api import PlatformApi, decode_each
from services.ingest.reading.stars import of_five

PLATFORM: Final = "google_business"
_STARS: Final = {"ONE": 1.0, "TWO": 2.0, "THREE": 3.0, "FOUR": 4.0, "FIVE": 5.0}
_TRANSLATION: Final = re.compile(r"\(Translated by Google\)\s*")
_ORIGINAL: Final = re.compile(r"\(Original\)\s*")
_Number = Annotated[str, Field(pattern=r"^[0-9]{1,30}$")]


class Config(SourceConfig):
    """Reviews of your own places on Google Maps, through Google Business Profile."""

    kind: Literal["google_business"] = "google_business"
    account: _Number
    locations: Annotated[tuple[_Number, ...], Field(min_length=1, max_length=1000)]
    """The numbers of the places, as the Business Profile APIs list them."""
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    client_secret: SecretStr
    refresh_token: SecretStr
    """What the person's consent to the scope business.manage gave, once."""
    api: BaseAddress = "https://mybusiness.googleapis.com/v4"
    tokens: WebAddress = TOKENS
    """Where the refresh token is traded for access."""
    per_page: int = Field(default=50, ge=1, le=50)

    @property
    def address(self) -> str:
        return f"{self.api}/accounts/{self.account}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        grant = AsPerson(
            self.client_id,
            self.client_secret.get_secret_value(),
            self.refresh_token.get_secret_value(),
        )
        api = PlatformApi(tools.client_for(self), tools.clock, tools.limits)
        return GoogleBusiness(self, GoogleApi(api, self.tokens, grant), tools.clock)


class _Reviewer(msgspec.Struct, frozen=True):
    displayName: str | None = None
    isAnonymous: bool = False


class _Review(msgspec.Struct, frozen=True):
    reviewId: str
    reviewer: _Reviewer | None = None
    starRating: str | None = None
    comment: str | None = None
    createTime: str | None = None
    updateTime: str | None = None


class _Reviews(msgspec.Struct, frozen=True):
    """A place without reviews has an empty answer."""

    reviews: list[msgspec.Raw] = []
    nextPageToken: str | None = None


_OVERLAP: Final = timedelta(hours=6)
"""The lists are sorted by the time of the last change; so far is read again."""


class GoogleBusiness:
    """Reads one place after the other, what was changed last first."""

    def __init__(self, config: Config, api: GoogleApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._lists = Lists(config.locations, _OVERLAP)

    async def collect(self, cursor: str | None) -> Page:
        sweep = self._lists.sweep(cursor, self._clock())
        location = self._config.locations[sweep.question]
        question: dict[str, str | int] = {
            "pageSize": self._config.per_page,
            "orderBy": "updateTime desc",
        }
        if sweep.page is not None:
            question["pageToken"] = sweep.page
        try:
            reply = await self._api.get(self._reviews(location), question)
        except PAGE_UNKNOWN:
            if sweep.page is None:
                raise
            return self._lists.again(sweep)
        answer = reply.decode(_Reviews)
        reviews = decode_each(answer.reviews, _Review, PLATFORM)
        posts = [_post(review, location) for review in reviews]
        return self._lists.page(sweep, posts, answer.nextPageToken or None)

    def since(self, start: datetime) -> str:
        return sweep_since(start)

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone: list[Deletion] = []
        for native_id in native_ids:
            location, _, review = native_id.partition("/")
            if location not in self._config.locations:
                continue  # the place has left the configuration: nobody can tell
            try:
                await self._api.get(f"{self._reviews(location)}/{quote(review, safe='')}", {})
            except Missing:
                gone.append(Deletion(PLATFORM, native_id, self._clock()))
        return gone

    def _reviews(self, location: str) -> str:
        return f"{self._config.address}/locations/{location}/reviews"


def _post(review: _Review, location: str) -> Post:
    created, updated = parse_date(review.createTime), parse_date(review.updateTime)
    return Post(
        platform=PLATFORM,
        native_id=f"{location}/{review.reviewId}",
        kind="review",
        text=as_written(review.comment or ""),
        author=_author(review.reviewer),
        published_at=created or updated,
        edited_at=updated if updated != created else None,
        rating=of_five(_STARS.get(review.starRating or "")),
    )


def as_written(comment: str) -> str:
    """The reviewer's own words: Google puts its translation before or behind them, and marks the
    original only where it stands behind."""
    _, mark, original = _halves(_ORIGINAL, comment)
    if mark:
        return original.strip()
    original, mark, translated = _halves(_TRANSLATION, comment)
    return (original.strip() or translated).strip()


def _halves(mark: re.Pattern[str], text: str) -> tuple[str, bool, str]:
    found = mark.search(text)
    return (text[: found.start()], True, text[found.end() :]) if found else (text, False, "")


def _author(reviewer: _Reviewer | None) -> PostAuthor | None:
    if reviewer is None or reviewer.isAnonymous or not reviewer.displayName:
        return None
    return PostAuthor(name=reviewer.displayName)
