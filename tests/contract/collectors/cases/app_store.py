"""The App Store, through its public feed of reviews."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import app_store
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="app_store",
    routes=app_store.routes,
    source=lambda address: {
        "api": address,
        "app": app_store.APP,
        "countries": app_store.COUNTRIES,
    },
    main="/*/rss/customerreviews/*",
    lacks={
        "wrong credentials": "reading needs none",
        "rate limit": "the feed names no wait; it fails, and is left alone for longer each time",
        "deletion": "a review that left the list may as well just be old",
    },
)
