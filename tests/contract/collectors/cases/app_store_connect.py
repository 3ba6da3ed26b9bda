"""App Store Connect, for your own apps."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import app_store_connect
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="app_store_connect",
    routes=app_store_connect.routes,
    source=lambda address: {
        "api": address,
        "app": app_store_connect.APP,
        "key_id": app_store_connect.KEY_ID,
        "issuer": app_store_connect.ISSUER,
        "private_key": app_store_connect.private_key(),
    },
    main="/v1/apps/*",
    lacks={"rate limit": "Apple counts the requests of the last hour and names no wait"},
)
