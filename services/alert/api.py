"""The HTTP API of incidents: see them, and act on them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Self

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.params import Depends as DependsOn
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from libs.common.auth import Gate
from libs.common.db import reading
from libs.common.problems import FieldError, Problem
from services.alert import incident as machine
from services.alert import outbox, read, store
from services.alert.commands import Commands, Decide, KeyReused, Repeat
from services.alert.incident import Refusal, State
from services.alert.playbook import Playbooks
from services.alert.view import View

MAX_PAGE: Final = 100
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Prose = Annotated[str, Field(max_length=4000)]
IncidentId = Annotated[str, Path(alias="incident", max_length=64)]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]


class Command(BaseModel):
    """Who does it: the id of a person in the configuration, or any name."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    by: Name


class Assign(Command):
    to: Name


class Note(Command):
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class SetLevel(Command):
    level: Annotated[int, Field(ge=0, le=machine.MAX_LEVEL)]
    why: Prose = ""


class Resolve(Command):
    why: Prose = ""


class Rate(Command):
    """Whether it was worth the page. `noise` needs a reason: thresholds are proposed from it."""

    noise: bool
    why: Prose = ""

    @model_validator(mode="after")
    def _noise_has_a_reason(self) -> Self:
        if self.noise and not self.why:
            raise ValueError("noise needs a reason; expected `why`")
        return self


def incidents_api(
    engine: AsyncEngine, commands: Commands, view: View, playbooks: Playbooks, gate: Gate
) -> APIRouter:
    """The addresses under `/v1/incidents`."""
    router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
    _add_reading(router, engine, view, gate)
    actions = _Actions(engine, commands, view)
    may_write = [Depends(gate.requires("incidents:write"))]
    _add_taking(router, actions, may_write)
    _add_judging(router, actions, may_write)
    _add_steps(router, actions, playbooks, may_write)
    return router


def _add_reading(router: APIRouter, engine: AsyncEngine, view: View, gate: Gate) -> None:
    may_read = [Depends(gate.requires("incidents:read"))]

    @router.get("", dependencies=may_read, summary="Incidents, the newest first")
    async def list_incidents(
        request: Request,
        state: Annotated[list[State] | None, Query()] = None,
        watch: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        after = _cursor(cursor) if cursor else None
        async with reading(engine) as connection:
            found = await read.newest(
                connection, states=state or (), watch=watch, after=after, limit=limit + 1
            )
        shown = found[:limit]
        following = None
        headers = {}
        if len(found) > limit:
            last = shown[-1].incident
            following = str(read.Cursor(last.opened_at, last.id))
            url = request.url.include_query_params(cursor=following)
            headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        items = [view.brief(*counted) for counted in shown]
        return _json({"items": items, "next": following}, headers)

    @router.get("/{incident}", dependencies=may_read, summary="One incident with all about it")
    async def one_incident(incident: IncidentId) -> Response:
        return _json(await _full(engine, view, incident))


class _Actions:
    """Runs a command and answers with the incident as it is then."""

    def __init__(self, engine: AsyncEngine, commands: Commands, view: View) -> None:
        self._engine = engine
        self._commands = commands
        self._view = view

    async def run(
        self, incident: str, decide: Decide, key: str | None, command: Command, name: str
    ) -> Response:
        repeat = Repeat(key, _fingerprint(name, command)) if key else None
        outcome = await self._commands.run(incident, decide, repeat)
        match outcome:
            case None:
                raise _not_found(incident)
            case KeyReused():
                raise Problem(
                    422, "Idempotency-Key used twice", "The key came before with another command."
                )
            case Refusal():
                status = 404 if outcome.name == "unknown_step" else 409
                raise Problem(
                    status,
                    outcome.name.replace("_", " ").capitalize(),
                    outcome.detail,
                    extensions={"refusal": outcome.name},
                )
        return _json(await _full(self._engine, self._view, incident))


def _add_taking(router: APIRouter, actions: _Actions, may_write: list[DependsOn]) -> None:
    """Who has it, and what that person writes down."""

    @router.post("/{incident}/ack", dependencies=may_write, summary="Take it")
    async def ack(
        incident: IncidentId, body: Command, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.acknowledge(found, body.by, now),
            idempotency_key,
            body,
            "ack",
        )

    @router.post("/{incident}/assign", dependencies=may_write, summary="Hand it to a person")
    async def assign(
        incident: IncidentId, body: Assign, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.assign(found, body.to, body.by, now),
            idempotency_key,
            body,
            "assign",
        )

    @router.post("/{incident}/note", dependencies=may_write, summary="Write something down")
    async def note(
        incident: IncidentId, body: Note, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.note(found, body.text, body.by, now),
            idempotency_key,
            body,
            "note",
        )


def _add_judging(router: APIRouter, actions: _Actions, may_write: list[DependsOn]) -> None:
    """How bad it is, that it is over, and whether it was worth it."""

    @router.post("/{incident}/level", dependencies=may_write, summary="Set the level")
    async def level(
        incident: IncidentId, body: SetLevel, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.set_level(found, body.level, body.why, body.by, now),
            idempotency_key,
            body,
            "level",
        )

    @router.post("/{incident}/resolve", dependencies=may_write, summary="End it")
    async def resolve(
        incident: IncidentId, body: Resolve, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.resolve(found, body.why, body.by, now),
            idempotency_key,
            body,
            "resolve",
        )

    @router.post("/{incident}/rating", dependencies=may_write, summary="Say if it was worth it")
    async def rating(
        incident: IncidentId, body: Rate, idempotency_key: IdempotencyKey = None
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.rate(found, body.noise, body.why, body.by, now),
            idempotency_key,
            body,
            "rating",
        )


def _add_steps(
    router: APIRouter, actions: _Actions, playbooks: Playbooks, may_write: list[DependsOn]
) -> None:
    """What of the playbook's checklist is done."""

    @router.post("/{incident}/steps/{step}", dependencies=may_write, summary="A step is done")
    async def step(
        incident: IncidentId,
        step: Annotated[str, Path(max_length=64)],
        body: Command,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        return await actions.run(
            incident,
            lambda found, now: machine.do_step(
                found, step, playbooks.get(found.playbook).checklist, body.by, now
            ),
            idempotency_key,
            body,
            f"steps/{step}",
        )


async def _full(engine: AsyncEngine, view: View, incident: str) -> dict[str, object]:
    async with reading(engine) as connection:
        found = await store.find(connection, incident)
        if found is None:
            raise _not_found(incident)
        said = await store.gist(connection, incident)
        return dict(
            view.full(
                read.Counted(found, await read.count_mentions(connection, incident), said),
                await read.history(connection, incident),
                await read.best_evidence(connection, found),
                await read.quotes(connection, incident, said.mentions if said else ()),
                await outbox.sent(connection, incident),
            )
        )


def _cursor(text: str) -> read.Cursor:
    try:
        return read.cursor(text)
    except ValueError as error:
        raise Problem(
            400, "The cursor is wrong", str(error), [FieldError("cursor", str(error))]
        ) from error


def _not_found(incident: str) -> Problem:
    return Problem(404, "No such incident", f"There is no incident {incident!r}.")


def _fingerprint(name: str, command: Command) -> str:
    return hashlib.blake2b(
        f"{name} {command.model_dump_json()}".encode(), digest_size=16
    ).hexdigest()


def _json(value: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), headers=headers, media_type="application/json")
