"""Mastodon: the same instance, read page by page and listened to."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import mastodon
from tests.contract.collectors.conformance import WORD, Case

TIMELINE: Final = Case(
    kind="mastodon",
    name="timeline",
    routes=mastodon.routes,
    source=lambda address: {
        "instance": address,
        "tags": [WORD],
        "token": mastodon.TOKEN,
        "per_page": 10,
    },
    main="/api/v1/timelines/tag/*",
)
STREAM: Final = Case(
    kind="mastodon",
    name="stream",
    routes=mastodon.routes,
    source=lambda address: {
        "instance": address,
        "mode": "stream",
        "tags": [WORD],
        "token": mastodon.TOKEN,
        "per_page": 10,
    },
    main="/api/v1/streaming/hashtag",
)
