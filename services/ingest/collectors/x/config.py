"""The configuration of a source on X."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Stream, Tools
from services.ingest.collectors.x.access import Access, Asked, Dialect
from services.ingest.collectors.x.posts import Prices
from services.ingest.collectors.x.query import Wanted
from services.ingest.collectors.x.refusals import judge, judge_stream, limit_reset
from services.ingest.collectors.x.search import Search
from services.ingest.collectors.x.stream import FilteredStream
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.platform_api import Judge, PlatformApi

_TermText = Annotated[str, Field(min_length=1, max_length=500)]


class Config(SourceConfig):
    """Twitter/X, searched for what the watches need or heard as a stream; X charges per read."""

    kind: Literal["x"] = "x"
    mode: Literal["search", "stream"] = "search"
    """Recent search, read at intervals, or the filtered stream, which hears of posts in seconds."""
    bearer_token: SecretStr
    """The app's bearer token."""
    look_again: Duration | None = Field(default=timedelta(days=7), ge=timedelta(minutes=1))
    """Here a question costs what a reading does: at twice a day a post's 90 days cost near a
    dollar. X wants deletions honoured soon, so shorten it where the budget allows."""
    api: BaseAddress = "https://api.x.com"
    site: BaseAddress = "https://x.com"
    """Under which people see posts."""
    terms: tuple[_TermText, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    query: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """In X's own language, instead of one made of words; as the stream's rule too."""
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = ()
    """Only posts that X takes to be in one of these; empty takes all."""
    reposts: bool = False
    """Whether reposts are read; each costs the post it shows, too."""
    authors: bool = True
    """Whether names and followers of authors are read, which triples the price of a post."""
    dialect: Dialect = "tweet"
    """How the API names its fields: both are understood, one has to be asked for."""
    query_length: int = Field(default=512, ge=100, le=4096)
    """Characters of a search query."""
    rule_length: int = Field(default=1024, ge=100, le=4096)
    """Characters of a rule of the stream."""
    per_page: int = Field(default=100, ge=10, le=500)
    first_look: Duration = Field(default=timedelta(hours=24), le=timedelta(days=6))
    """How far back the first reading goes."""
    keep_alive: Duration = timedelta(seconds=20)
    """The longest that a living stream says nothing."""
    margin: Duration = timedelta(seconds=10)
    """So much longer it may take until the stream counts as dead."""
    search_lag: Duration = timedelta(seconds=40)
    """How long after it was written search finds a post for sure."""
    prices: Prices = Prices()

    @model_validator(mode="after")
    def _affords_a_page(self) -> Config:
        page = self._asked.dearest_page()
        reads = (self.budget and self.budget.reads_per_month) or page.reads
        money = (self.budget and self.budget.money_per_month) or page.money
        if reads < page.reads or money < page.money:
            raise ValueError(
                f"expected a budget of one page at least: {page.reads} reads, "
                f"{page.money:.2f} in money; `per_page` makes a page smaller"
            )
        return self

    @property
    def address(self) -> str:
        return self.api

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector | Stream:
        access = self._access(tools, judge if self.mode == "search" else judge_stream)
        search = Search(access, self._wanted(tools, self.query_length), self.first_look)
        if self.mode == "search":
            return search
        return FilteredStream(
            access,
            search,
            self._wanted(tools, self.rule_length),
            tag=f"brandmelder:{self.id}",
            quiet=(self.keep_alive + self.margin).total_seconds(),
            search_lag=self.search_lag,
        )

    @property
    def _asked(self) -> Asked:
        return Asked(self.dialect, self.authors, self.reposts, self.per_page, self.prices)

    def _access(self, tools: Tools, judge: Judge) -> Access:
        credentials = {"Authorization": f"Bearer {self.bearer_token.get_secret_value()}"}
        api = PlatformApi(
            tools.client_for(self), tools.clock, tools.limits, credentials, judge, limit_reset
        )
        return Access(api, self.api, self.site, tools.clock, self._asked)

    def _wanted(self, tools: Tools, longest: int) -> Wanted:
        terms = self.terms or tools.keywords
        return Wanted(terms, longest, self.languages, self.reposts, self.query)
