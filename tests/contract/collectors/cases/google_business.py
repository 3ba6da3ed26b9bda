"""Google Business Profile, for your own places."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import google_business, google_oauth
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="google_business",
    routes=google_business.routes,
    source=lambda address: {
        "api": f"{address}/v4",
        "tokens": f"{address}{google_oauth.PATH}",
        "account": google_business.ACCOUNT,
        "locations": google_business.LOCATIONS,
        "client_id": google_oauth.CLIENT,
        "client_secret": google_oauth.CLIENT_SECRET,
        "refresh_token": google_oauth.REFRESH_TOKEN,
    },
    main="/v4/*",
)
