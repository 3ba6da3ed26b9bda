"""The kinds of sources there are: one module and one line here for each."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, get_args

from pydantic import Field

from services.ingest.collector import SourceConfig
from services.ingest.collectors import (
    app_store,
    app_store_connect,
    bluesky,
    discourse,
    feed,
    flarum,
    forum,
    google_alerts,
    google_business,
    google_news,
    google_play,
    hacker_news,
    jetstream,
    lemmy,
    linkedin,
    mastodon,
    meta,
    page,
    reddit,
    stack_exchange,
    telegram,
    trustpilot,
    x,
    x_webhook,
    xenforo,
    yelp,
    youtube,
)

_AnySource: TypeAlias = (
    app_store.Config
    | app_store_connect.Config
    | bluesky.Config
    | discourse.Config
    | feed.Config
    | flarum.Config
    | forum.Config
    | google_alerts.Config
    | google_business.Config
    | google_news.Config
    | google_play.Config
    | hacker_news.Config
    | jetstream.Config
    | lemmy.Config
    | linkedin.Config
    | mastodon.Config
    | meta.Config
    | page.Config
    | reddit.Config
    | stack_exchange.Config
    | telegram.Config
    | trustpilot.Config
    | x.Config
    | x_webhook.Config
    | xenforo.Config
    | yelp.Config
    | youtube.Config
)

Source: TypeAlias = Annotated[_AnySource, Field(discriminator="kind")]
"""A source in the configuration: the union of every kind's Config, told apart by `kind`."""
KINDS: Final[dict[str, type[SourceConfig]]] = {
    kind.model_fields["kind"].default: kind for kind in get_args(_AnySource)
}
"""The configuration of each kind, by its name."""
