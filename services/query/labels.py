"""`/v1/mentions/{id}/label`: a person says what a mention is, and may take that back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, NoReturn, TypeAlias

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from libs.common import metrics
from libs.common.auth import Gate, Principal
from libs.common.bus import CLASSIFIED, Message
from libs.common.clock import Clock
from libs.common.errors import Retryable
from libs.common.events import ClassifiedMention, Label, LabelCorrected, to_message
from libs.common.problems import FieldError, Problem
from libs.common.taxonomy import Theme
from services.query.api import mention_deleted, no_such_mention
from services.query.correction import Correction, contradictions
from services.query.corrections import Corrections, Gone, Kept, NotInText

log = structlog.get_logger(__name__)

TELLING_SECONDS: Final = 3.0
"""So long an answer waits for the log to take the news of it; it holds without that, too."""
_NO_STORE: Final = {"Cache-Control": "no-store", "Vary": "Authorization"}
_ANSWERS: Final[dict[int | str, dict[str, object]]] = {
    200: {
        "description": "The mention as it is shown now.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    404: {"description": "There is no such mention."},
    410: {"description": "The source has deleted it, so it was forgotten here."},
}

Publish: TypeAlias = Callable[[Sequence[Message]], Awaitable[None]]
"""`Bus.publish`."""
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Cue = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class Judgement(BaseModel):
    """What the mention is.

    severity: 0 to 1; left out, the classifier's, as far as it fits the label. theme: what a crisis
    candidate is about. cues: the parts of title or text that decide, as they stand there. by: who
    says so; left out, the owner of the key. Whoever corrects a correction without changing its
    label leaves severity, theme, cues and note as they are by leaving them out.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    label: Label
    severity: Annotated[float, Field(ge=0, le=1)] | None = None
    theme: Theme | None = None
    cues: Annotated[tuple[Cue, ...], Field(max_length=20)] = ()
    note: Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")] | None = None
    by: Name | None = None


def labels_router(
    corrections: Corrections, publish: Publish, gate: Gate, clock: Clock
) -> APIRouter:
    """The addresses under `/v1/mentions/{id}/label`."""
    router = APIRouter(prefix="/v1/mentions", tags=["mentions"])
    may_write = gate.requires("mentions:write")

    @router.put(
        "/{mention_id}/label",
        summary="Say what a mention is, whatever the classifier says",
        response_class=Response,
        responses=_ANSWERS,
    )
    async def correct(
        mention_id: str, body: Judgement, caller: Principal = Depends(may_write)
    ) -> Response:
        said = Correction(
            body.label,
            body.severity,
            body.theme,
            body.cues,
            body.note or None,
            body.by or caller.name,
            clock(),
        )
        if wrong := contradictions(said):
            raise Problem(422, "The request does not fit", errors=wrong)
        kept = await corrections.put(mention_id, said, body.model_fields_set)
        if isinstance(kept, NotInText):
            _refuse_cues(kept, body.cues)
        kept = _found(kept, mention_id)
        if kept.changed:
            classified = kept.mention.classification.label
            metrics.LABEL_CORRECTIONS.labels(classified, said.label).inc()
            await _tell(publish, kept.mention, clock())
        return _answer(kept)

    @router.delete(
        "/{mention_id}/label",
        summary="Take a person's label back: the classifier's holds again",
        response_class=Response,
        responses=_ANSWERS,
        dependencies=[Depends(may_write)],
    )
    async def take_back(mention_id: str) -> Response:
        kept = _found(await corrections.take_back(mention_id), mention_id)
        if kept.changed:
            await _tell(publish, kept.mention, clock())
        return _answer(kept)

    return router


def _found(kept: Kept | Gone | None, mention_id: str) -> Kept:
    if kept is None:
        raise no_such_mention(mention_id)
    if isinstance(kept, Gone):
        raise mention_deleted()
    return kept


def _refuse_cues(missing: NotInText, cues: Sequence[str]) -> NoReturn:
    raise Problem(
        422,
        "The request does not fit",
        errors=[
            FieldError(f"#/cues/{n}", f"{cues[n]!r} stands neither in the title nor in the text.")
            for n in missing.cues
        ],
    )


async def _tell(publish: Publish, mention: ClassifiedMention, now: datetime) -> None:
    """Tells the live streams of every copy. The store has it already, so a log that is away costs
    them the news, and nobody the correction."""
    event = LabelCorrected(id=mention.id, watch=mention.watch, at=now)
    try:
        async with asyncio.timeout(TELLING_SECONDS):
            await publish([to_message(CLASSIFIED, event.watch, event, service="query")])
    except (Retryable, TimeoutError) as error:
        log.warning("a correction was not told", mention=event.id, reason=str(error) or "no answer")


def _answer(kept: Kept) -> Response:
    return Response(kept.body, headers=_NO_STORE, media_type="application/json")
