"""The configuration of a Discourse forum."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.collectors.discourse.forum import (
    Forum,
    refusal_with_key,
    refusal_without_key,
    wait,
)
from services.ingest.collectors.discourse.posts import Discourse
from services.ingest.collectors.discourse.search import DiscourseSearch
from services.ingest.reading.address import BaseAddress, host_of, shown
from services.ingest.reading.platform_api import PlatformApi


class Config(SourceConfig):
    """A Discourse forum: every post as it is written, or a search for what the watches need."""

    kind: Literal["discourse"] = "discourse"
    url: BaseAddress
    mode: Literal["posts", "search"] = "posts"
    """`posts` reads everything and misses nothing; `search` is for forums too large for that."""
    api_key: SecretStr | None = None
    """Only for forums that show nothing without it."""
    api_username: str | None = None
    """In whose name the key reads."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    reread: Duration = Field(default=timedelta(hours=1), le=timedelta(days=2))
    """Posts younger than this are read again, for their edits."""
    pages_at_most: int = Field(default=40, ge=1, le=1000)
    """Pages of posts read at once when a forum was left alone for long; the rest is given up."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def place(self) -> str:
        return f"{self.kind} {self.mode} {self.address}"

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        headers = {"Api-Key": self.api_key.get_secret_value()} if self.api_key else {}
        if self.api_username:
            headers["Api-Username"] = self.api_username
        judge = refusal_with_key if self.api_key else refusal_without_key
        client = tools.client_for(self)
        api = PlatformApi(client, tools.clock, tools.limits, headers, judge, wait)
        forum = Forum(self.url, api, tools.clock)
        if self.mode == "search":
            return DiscourseSearch(forum, self.reread, self.terms or tools.keywords)
        return Discourse(forum, self.reread, self.pages_at_most)
