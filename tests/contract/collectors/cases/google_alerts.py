"""An alert of Google Alerts, through its feed."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import google_alerts
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="google_alerts",
    routes=google_alerts.routes,
    source=lambda address: {"feed": address.replace("://", "://ann:geheim@") + google_alerts.PATH},
    main=google_alerts.PATH,
    lacks={
        "paging": "an alert's feed is one page",
        "resuming": "it holds the twenty newest finds and no more",
        "wrong credentials": "reading needs none",
        "deletion": "a find that left the feed may as well just be old",
    },
)
