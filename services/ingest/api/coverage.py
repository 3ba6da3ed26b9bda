"""`/v1/sources/{source}/coverage`: which times of a source were really observed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from libs.common.auth import Gate
from libs.common.clock import Clock
from libs.common.errors import Retryable
from libs.common.problems import FieldError, Problem
from services.ingest.api.sources import WEEK, Span
from services.ingest.health.coverage import Interval, gaps, share, within
from services.ingest.health.observations import KEPT


class CoverageView(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What was observed from one time until before another; share: 0 to 1."""

    source: str
    start: datetime
    end: datetime
    share: float | None
    intervals: tuple[Span, ...]
    gaps: tuple[Span, ...]


_TIMES: Final = {
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time"},
}
_SPANS: Final = {
    "type": "array",
    "items": {"type": "object", "required": ["from", "to"], "properties": _TIMES},
}
_ANSWER: Final = {
    "type": "object",
    "required": ["source", "from", "to", "share", "intervals", "gaps"],
    "properties": {
        "source": {"type": "string"},
        **_TIMES,
        "share": {"type": ["number", "null"]},
        "intervals": _SPANS,
        "gaps": _SPANS,
    },
}


def coverage_router(
    sources: Collection[str],
    intervals: Callable[[str, Interval], Awaitable[list[Interval]]],
    gate: Gate,
    clock: Clock,
) -> APIRouter:
    """sources: the configured ids. intervals: what was observed of one of them, in some time."""
    router = APIRouter(prefix="/sources", tags=["sources"])

    @router.get(
        "/{source}/coverage",
        summary="Which times of a source were really observed",
        response_class=Response,
        responses={
            200: {"content": {"application/json": {"schema": _ANSWER}}},
            404: {"description": "No source has this id."},
        },
        dependencies=[Depends(gate.requires("sources:read"))],
    )
    async def one_coverage(
        source: Annotated[str, Path(max_length=64)],
        start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    ) -> Response:
        """The last seven days, unless `from` and `to` say otherwise; 400 days at most. In a gap
        nothing is known: what was posted then may be missing."""
        if source not in sources:
            raise Problem(404, "No such source", f"No source has the id {source!r}.")
        whole = _whole(start, end, clock())
        try:
            seen = within(await intervals(source, whole), whole)
        except Retryable as error:
            raise Problem(503, "The store does not answer", headers={"Retry-After": "5"}) from error
        part = share(seen, whole)
        view = CoverageView(
            source=source,
            start=whole.start,
            end=whole.end,
            share=None if part is None else round(part, 4),
            intervals=_spans(seen),
            gaps=_spans(gaps(seen, whole)),
        )
        return Response(
            msgspec.json.encode(view),
            headers={"Cache-Control": "no-store"},
            media_type="application/json",
        )

    return router


def _whole(start: datetime | None, end: datetime | None, now: datetime) -> Interval:
    """The time that is asked for, nothing of the future in it. Raises Problem."""
    try:
        until = min(end.astimezone(UTC), now) if end else now
        begin = start.astimezone(UTC) if start else until - WEEK
    except OverflowError:
        raise _wrong("from", "expected a time that can be told in UTC") from None
    if begin >= until:
        raise _wrong("from", "expected a time before `to`, and before now")
    if until - begin > KEPT + timedelta(days=1):
        raise _wrong("from", f"expected {KEPT.days} days at most")
    return Interval(begin, until)


def _wrong(name: str, detail: str) -> Problem:
    return Problem(422, "The request does not fit", errors=[FieldError(name, detail)])


def _spans(intervals: list[Interval]) -> tuple[Span, ...]:
    return tuple(Span(*interval) for interval in intervals)
