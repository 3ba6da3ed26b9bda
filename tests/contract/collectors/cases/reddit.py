"""Reddit, through the stand-in of its API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import reddit
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="reddit",
    routes=reddit.routes,
    source=lambda address: {
        "client_id": reddit.CLIENT[0],
        "client_secret": reddit.CLIENT[1],
        "user_agent": "linux:brandmelder-test:1.0 (by /u/brandmelder_test)",
        "api": address,
        "token_url": f"{address}/api/v1/access_token",
        "subreddits": [reddit.SUBREDDIT],
        "per_page": 10,
    },
    main="/search",
)
