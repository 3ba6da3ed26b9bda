"""Google Play: the reviews of your own app.

Needs a service account that the Play Console allows to see reviews. Google shows reviews with a
text that were written or changed within a week: read less often than that, and some are lost.
https://developers.google.com/android-publisher/reply-to-reviews
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from libs.common.clock import Clock
from libs.common.events import Engagement
from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.post import Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.feed_formats.entry import language_tag
from services.ingest.reading.google_oauth import (
    AsServiceAccount,
    GoogleApi,
    KeyFile,
    service_account,
)
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.newest_first import PAGE_UNKNOWN, Lists, sweep_since
from services.ingest.reading.platform_api import PlatformApi, decode_each
from services.ingest.reading.stars import of_five
from services.ingest.reading.sweep import Sweep
from services.ingest.reading.visible_text import visible_text
from services.ingest.reading.wire import Count, UnixTime, time_at, unix_seconds

PLATFORM: Final = "google_play"
SCOPE: Final = "https://www.googleapis.com/auth/androidpublisher"
SHOWN_FOR: Final = timedelta(days=7)


class Config(SourceConfig):
    """Reviews of your own Android app on Google Play."""

    kind: Literal["google_play"] = "google_play"
    every: Duration = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))
    """Time between two readings. Each asks for every page of the week, and an app has 200 requests
    an hour."""
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,200}$")]
    """The package name of the app, such as `example.motorrad.app`."""
    service_account: KeyFile
    """The JSON key file of the service account: `${file:…}` reads it."""
    api: BaseAddress = "https://androidpublisher.googleapis.com/androidpublisher/v3"
    per_page: int = Field(default=100, ge=1, le=100)

    @property
    def address(self) -> str:
        return f"{self.api}/applications/{self.package}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        account = service_account(self.service_account.get_secret_value())
        api = PlatformApi(tools.client_for(self), tools.clock, tools.limits)
        grant = AsServiceAccount(account, SCOPE)
        return GooglePlay(self, GoogleApi(api, account.token_uri, grant), tools.clock)


class Cursor(msgspec.Struct, frozen=True):
    """sweep: where the sweep over the reviews stands. read_at: the time of the last reading."""

    sweep: str
    read_at: int


class _UserComment(msgspec.Struct, frozen=True):
    """originalText: only there when `text` is a translation."""

    text: str = ""
    originalText: str = ""
    lastModified: _Time | None = None
    starRating: float | None = None
    reviewerLanguage: str | None = None
    thumbsUpCount: Count | None = None


class _Time(msgspec.Struct, frozen=True):
    seconds: UnixTime


class _Comment(msgspec.Struct, frozen=True):
    """What the user wrote, or what the developer answered."""

    userComment: _UserComment | None = None


class _Review(msgspec.Struct, frozen=True):
    reviewId: str
    authorName: str | None = None
    comments: list[_Comment] = []


class _NextPage(msgspec.Struct, frozen=True):
    nextPageToken: str | None = None


class _Reviews(msgspec.Struct, frozen=True):
    """An app without reviews has an empty answer."""

    reviews: list[msgspec.Raw] = []
    tokenPagination: _NextPage | None = None


class GooglePlay:
    """Reads all pages there are: Google promises no order of the reviews."""

    def __init__(self, config: Config, api: GoogleApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._lists = Lists([config.package], SHOWN_FOR, is_sorted=False)

    async def collect(self, cursor: str | None) -> Page:
        now = self._clock()
        memory = remembered(cursor, Cursor)
        sweep = self._lists.sweep(memory.sweep if memory else None, now)
        page = await self._page(sweep)
        lost = memory is not None and unix_seconds(now - SHOWN_FOR) > memory.read_at
        return replace(
            page,
            cursor=cursor_of(Cursor(page.cursor or "", unix_seconds(now))),
            complete=page.complete and not lost,
        )

    async def _page(self, sweep: Sweep) -> Page:
        question: dict[str, str | int] = {"maxResults": self._config.per_page}
        if sweep.page is not None:
            question["token"] = sweep.page
        try:
            reply = await self._api.get(f"{self._config.address}/reviews", question)
        except PAGE_UNKNOWN:
            if sweep.page is None:
                raise
            return self._lists.again(sweep)
        answer = reply.decode(_Reviews)
        reviews = decode_each(answer.reviews, _Review, PLATFORM)
        posts = [post for review in reviews if (post := _post(review, self._config.package))]
        next_page = answer.tokenPagination.nextPageToken if answer.tokenPagination else None
        return self._lists.page(sweep, posts, next_page or None)

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(sweep_since(start), unix_seconds(self._clock())))


def _post(review: _Review, package: str) -> Post | None:
    """None for a review of which only the developer's answer is left."""
    said = next((each.userComment for each in review.comments if each.userComment), None)
    if said is None:
        return None
    first, tab, rest = (said.originalText or said.text).partition("\t")
    title, text = (visible_text(first), visible_text(rest)) if tab else ("", visible_text(first))
    place = urlencode({"id": package, "reviewId": review.reviewId})
    return Post(
        platform=PLATFORM,
        native_id=review.reviewId,
        kind="review",
        url=f"https://play.google.com/store/apps/details?{place}",
        title=title or None,
        text=text or title,
        lang=language_tag(said.reviewerLanguage),
        author=PostAuthor(name=review.authorName) if review.authorName else None,
        published_at=time_at(said.lastModified.seconds) if said.lastModified else None,
        rating=of_five(said.starRating),
        engagement=Engagement(likes=said.thumbsUpCount),
    )
