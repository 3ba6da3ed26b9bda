"""`/v1/rules`: what the pager costs, rule by rule, and what it was worth to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from libs.common.auth import Gate
from libs.common.clock import Clock
from libs.common.db import reading
from services.alert import read
from services.alert.budget import WEEK, Cost, Proposal, costs

MOST_WEEKS: Final = 53


class ProposalView(msgspec.Struct, frozen=True):
    """A threshold to think about: `measure` at least `at_least` would have spared `spared` of
    `of_noise` alarms that people called noise, and kept all `kept` that were worth it."""

    measure: str
    at_least: float
    spared: int
    of_noise: int
    kept: int


class CostView(msgspec.Struct, frozen=True):
    """One rule or detector. weeks: alarms per seven days, the newest first."""

    rule: str
    budget: int
    over_budget: bool
    weeks: tuple[int, ...]
    noise: int
    useful: int
    unrated: int
    proposal: ProposalView | None


def rules_router(
    engine: AsyncEngine, budgets: Mapping[str, int], gate: Gate, clock: Clock
) -> APIRouter:
    """budgets: pages a week per rule and detector."""
    router = APIRouter(prefix="/v1/rules", tags=["rules"])

    @router.get(
        "",
        dependencies=[Depends(gate.requires("incidents:read"))],
        summary="What each rule's pages cost, and what people said they were worth",
    )
    async def list_costs(weeks: Annotated[int, Query(ge=1, le=MOST_WEEKS)] = 4) -> Response:
        now = clock()
        async with reading(engine) as connection:
            alarms = await read.alarms_since(connection, now - weeks * WEEK)
        items = [_view(cost) for cost in costs(alarms, budgets, weeks, now)]
        return Response(msgspec.json.encode({"items": items}), media_type="application/json")

    return router


def _view(cost: Cost) -> CostView:
    return CostView(
        rule=cost.rule,
        budget=cost.budget,
        over_budget=cost.over,
        weeks=cost.weeks,
        noise=cost.noise,
        useful=cost.useful,
        unrated=cost.unrated,
        proposal=_proposal(cost.proposal),
    )


def _proposal(proposal: Proposal | None) -> ProposalView | None:
    return None if proposal is None else ProposalView(*proposal)
