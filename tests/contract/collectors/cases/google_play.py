"""Google Play, for your own apps."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import google_oauth, google_play
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="google_play",
    routes=google_play.routes,
    source=lambda address: {
        "api": f"{address}/androidpublisher/v3",
        "package": google_play.PACKAGE,
        "service_account": google_oauth.key_file(address),
    },
    main="/androidpublisher/*",
    lacks={"deletion": "a review that is not shown any more may as well be older than a week"},
)
