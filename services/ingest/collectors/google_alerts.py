"""Google Alerts: what Google finds new on the web for an alert that delivers to a feed.

Make the alert at https://www.google.com/alerts with "Deliver to: RSS feed". Its feed holds about
the twenty newest finds. Unofficial: Google promises nothing of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import msgspec

from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import Blocked, NotAFeed
from services.ingest.post import Page, Post
from services.ingest.reading.address import WebAddress, host_of
from services.ingest.reading.feed_reading import FeedAt, FeedCollector, LanguageTag, short_hash

PLATFORM: Final = "google_alerts"


class Config(SourceConfig):
    """The finds of one alert of Google Alerts."""

    kind: Literal["google_alerts"] = "google_alerts"
    feed: WebAddress
    """The address of the alert's feed: it holds the number of your account, so it is not shown."""
    lang: LanguageTag | None = None
    """The language the alert asks for."""

    @property
    def address(self) -> str:
        return f"https://{self.host}/alerts/feeds/…"

    @property
    def place(self) -> str:
        return f"google_alerts {short_hash(self.feed)}"

    @property
    def host(self) -> str:
        return host_of(self.feed)

    def build(self, tools: Tools) -> Collector:
        feed = FeedAt(self.id, self.feed, lang=self.lang)
        client = tools.client_for(self)
        return GoogleAlerts(FeedCollector(feed, client, tools.clock, tools.confined, tools.limits))


class GoogleAlerts:
    """Reads an Atom feed whose links lead by way of Google, and whose titles mark the hits."""

    def __init__(self, feed: FeedCollector) -> None:
        self._feed = feed

    async def collect(self, cursor: str | None) -> Page:
        try:
            page = await self._feed.collect(cursor)
        except NotAFeed as error:
            raise Blocked(f"Google answers with something else than the feed: {error}") from error
        return replace(page, posts=tuple(_post(post) for post in page.posts))


def _post(found: Post) -> Post:
    """Known by the address of what was found: another alert may find it too, under another id."""
    return msgspec.structs.replace(
        found, platform=PLATFORM, native_id=found.url or found.native_id, kind="article"
    )
