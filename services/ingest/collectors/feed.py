"""RSS 0.9x, 1.0 and 2.0, Atom, and JSON Feed."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.reading.address import WebAddress, host_of, shown
from services.ingest.reading.feed_reading import (
    FeedAt,
    FeedCollector,
    LanguageTag,
    Platform,
    short_hash,
)


class Config(SourceConfig):
    """One feed, RSS, Atom or JSON Feed, by its address."""

    kind: Literal["feed"] = "feed"
    url: WebAddress
    platform: Platform = "news"
    """What kind of place it is; decides the kind of its posts."""
    lang: LanguageTag | None = None
    """The feed's language where it is known better than the feed says it."""
    websub: bool = False
    """Whether the feed's hub, where it names one, is asked to deliver what is new."""
    websub_every: Duration = Field(default=timedelta(hours=1), ge=timedelta(seconds=1))
    """Time between two readings while a hub delivers; they stay as a safety net."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def place(self) -> str:
        return f"feed {short_hash(self.url)}"  # queries may be secret, and tell feeds apart

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        feed = FeedAt(self.id, self.url, self.platform, self.lang)
        client = tools.client_for(self)
        return FeedCollector(feed, client, tools.clock, tools.confined, tools.limits)
