"""What the configuration says of a Mastodon instance."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr, StringConstraints, model_validator

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Stream, Tools
from services.ingest.collectors.mastodon.instance import Instance
from services.ingest.collectors.mastodon.stream import HashtagStream
from services.ingest.collectors.mastodon.timelines import Timelines
from services.ingest.reading.address import BaseAddress, host_of

Hashtag: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\s#/?&]{1,100}$")]
Token: TypeAlias = Annotated[SecretStr, Field(min_length=1)]


class Config(SourceConfig):
    """Mastodon: hashtags as one instance sees them, page by page or as they come, and its search.

    Posts of other instances are there as far as this one knows them: a large one sees most.
    """

    kind: Literal["mastodon"] = "mastodon"
    instance: BaseAddress
    mode: Literal["timeline", "stream"] = "timeline"
    """A stream tells at once, and of deletions too; it needs a token."""
    tags: tuple[Hashtag, ...] = ()
    """Hashtags, without the sign."""
    search: bool = False
    """Whether the instance is searched as well. It needs a token and an instance with full-text
    search, which finds only posts of people who have agreed to be found."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    token: Token | None = None
    """An access token with the scope `read`; many instances show hashtags without one."""
    streaming: BaseAddress | None = None
    """Where the instance streams, when it does not say so itself."""
    respect_opt_out: bool = True
    """Leaves out accounts that do not want to be indexed or read by bots: `noindex`, #nobot."""
    per_page: int = Field(default=40, ge=1, le=40)
    quiet: Duration = Field(default=timedelta(seconds=60), ge=timedelta(seconds=1))
    """A stream that is silent for so long is dead: instances say something every 15 seconds."""

    @model_validator(mode="after")
    def _something_to_read(self) -> Config:
        if not self.tags and not self.search:
            raise ValueError("expected `tags`, since nothing is searched")
        if self.mode == "stream" and (self.search or not self.tags):
            raise ValueError("expected `tags` and no search: only hashtags are streamed")
        if self.token is None and (self.search or self.mode == "stream"):
            raise ValueError("expected `token`: search and streams are for an instance's members")
        return self

    @property
    def address(self) -> str:
        return self.instance

    @property
    def place(self) -> str:
        return f"{self.kind} {self.instance}"

    @property
    def host(self) -> str:
        return host_of(self.instance)

    def build(self, tools: Tools) -> Collector | Stream:
        token = self.token.get_secret_value() if self.token else None
        instance = Instance(tools.client_for(self), tools.clock, tools.limits, self.instance, token)
        timelines = Timelines(
            instance,
            tags=self.tags,
            terms=(self.terms or tools.keywords) if self.search else (),
            per_page=self.per_page,
            respects_opt_out=self.respect_opt_out,
        )
        if self.mode == "timeline":
            return timelines
        return HashtagStream(
            instance, timelines, self.tags, self.streaming, self.quiet.total_seconds()
        )
