"""Trustpilot, through its public API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import trustpilot
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="trustpilot",
    routes=trustpilot.routes,
    source=lambda address: {
        "api": f"{address}/v1",
        "business_unit": trustpilot.DOMAIN,
        "api_key": trustpilot.KEY,
    },
    main=f"/v1/business-units/{trustpilot.UNIT}/reviews",
)
