"""One case for every kind of source: one module and one line here for each."""

from __future__ import annotations

from typing import Final

from tests.contract.collectors.cases import (
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
    mastodon,
    page,
    reddit,
    stack_exchange,
    telegram,
    trustpilot,
    x,
    xenforo,
    yelp,
    youtube,
)
from tests.contract.collectors.conformance import Case

CASES: Final[tuple[Case, ...]] = (
    app_store.CASE,
    app_store_connect.CASE,
    bluesky.CASE,
    discourse.CASE,
    discourse.SEARCH,
    feed.CASE,
    flarum.CASE,
    forum.CASE,
    google_alerts.CASE,
    google_business.CASE,
    google_news.CASE,
    google_play.CASE,
    hacker_news.CASE,
    jetstream.CASE,
    lemmy.VERSION_3,
    lemmy.VERSION_4,
    mastodon.TIMELINE,
    mastodon.STREAM,
    page.CASE,
    reddit.CASE,
    stack_exchange.CASE,
    telegram.CASE,
    trustpilot.CASE,
    x.SEARCH,
    x.STREAM,
    xenforo.CASE,
    yelp.CASE,
    youtube.CASE,
)
