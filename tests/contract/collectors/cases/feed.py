"""A feed, through an Atom feed behind a password."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import board_feed
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="feed",
    routes=board_feed.routes,
    source=lambda address: {
        "url": address.replace("://", "://ann:geheim@") + board_feed.ATOM,
        "platform": "forum",
    },
    main=board_feed.ATOM,
    lacks={
        "paging": "a feed is one page and holds only its newest entries",
        "deletion": "an entry that left the feed may as well just be old",
    },
)
