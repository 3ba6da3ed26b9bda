"""What one platform that delivers brings to the suite over all of them, and the API it reaches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import httpx
import msgspec
from fastapi import APIRouter
from pydantic import TypeAdapter

from libs.common.db import migrate, open_engine
from libs.common.events import Mention, MentionDeleted
from libs.common.http import open_client
from libs.common.service import Service, create_app
from sandbox.platforms.board import Board
from sandbox.platforms.delivering import Happened, Sender
from services.ingest.api.hooks import Door, hooks_router
from services.ingest.collector import Tools
from services.ingest.collectors import Source
from services.ingest.hook import Hook
from services.ingest.hooks.deliveries import Deliveries, Hooked
from services.ingest.intake import Intake
from services.ingest.posts import PostStore
from services.ingest.schedule.store import Claimant, SourceStore
from tests.contract.collectors.conformance import WORD
from tests.unit.ingest.building import ListBus, SetClock, Unconfined, a_watch, some_watches

Behaviour: TypeAlias = Literal["edit", "deletion", "missing fields", "time zones"]
SOURCE: Final = "lieferung"
BODY_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class HookCase:
    """A kind of source that delivers, with the stand-in of its platform.

    source: its configuration, without the id. lacks: behaviours the platform does not have, each
    with the reason for people.
    """

    name: str
    kind: str
    sender: Callable[[], Sender]
    source: Mapping[str, object]
    lacks: Mapping[Behaviour, str] = field(default_factory=dict)


class Told(ListBus):
    """What was put on the log."""

    @property
    def written(self) -> list[Mention]:
        return [each for each in self._events() if isinstance(each, Mention)]

    @property
    def deleted(self) -> list[MentionDeleted]:
        return [each for each in self._events() if isinstance(each, MentionDeleted)]

    @property
    def standing(self) -> dict[str, str]:
        """The text under each id, after everything that happened to it."""
        texts: dict[str, str] = {}
        for each in self._events():
            if isinstance(each, Mention):
                texts[each.native_id] = each.text
            else:
                texts.pop(each.native_id, None)
        return texts

    def _events(self) -> list[Mention | MentionDeleted]:
        return [
            msgspec.json.decode(m.value or b"", type=MentionDeleted)
            if b'"deleted_at"' in (m.value or b"")
            else msgspec.json.decode(m.value or b"", type=Mention)
            for m in self.messages
        ]


@dataclass(slots=True)
class HookBench:
    """A stand-in, and the API that it delivers to."""

    case: HookCase
    board: Board
    clock: SetClock
    sender: Sender
    log: Told
    store: SourceStore
    client: httpx.AsyncClient

    async def greet(self, query: Mapping[str, str]) -> httpx.Response:
        return await self.client.get(f"/v1/hooks/{SOURCE}", params=dict(query))

    async def send(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        return await self.client.post(f"/v1/hooks/{SOURCE}", content=body, headers=dict(headers))

    async def deliver(self, *happened: Happened) -> list[int]:
        """Delivers this as the platform does; the statuses of the answers."""
        bodies = self.sender.bodies(happened)
        return [(await self.send(body, self.sender.signed(body))).status_code for body in bodies]

    def write(self, text: str, **fields: object) -> Happened:
        return Happened("written", self.board.write(f"{WORD} {text}", **fields))  # type: ignore[arg-type]

    def edit(self, written: Happened, text: str) -> Happened:
        return Happened("edited", self.board.edit(written.post.number, f"{WORD} {text}"))

    def delete(self, written: Happened) -> Happened:
        self.board.delete(written.post.number)
        return Happened("deleted", self.board[written.post.number])

    async def health(self) -> str:
        state = await self.store.state(SOURCE)
        assert state is not None
        assert state.due_at is None
        return state.health


def written_in_order(bench: HookBench, many: int) -> Sequence[Happened]:
    """So many posts, a minute apart."""
    found: list[Happened] = []
    for number in range(many):
        bench.clock.forward(minutes=1)
        found.append(bench.write(f"Nummer {number:04}"))
    return found


@asynccontextmanager
async def hook_bench(case: HookCase, folder: Path, **fields: object) -> AsyncIterator[HookBench]:
    """The API over a list as its log and a store of its own. fields: of the configuration, over
    those of the case."""
    clock, log = SetClock(), Told()
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    await migrate(engine, "services.ingest")
    config = TypeAdapter[Source](Source).validate_python(
        {"id": SOURCE, "kind": case.kind, "allow_private": True, **case.source, **fields}
    )
    store = SourceStore(engine, Claimant("a", 1, "a"))
    await store.configure({SOURCE: config.place}, clock(), delivered={SOURCE})
    intake = Intake(some_watches(a_watch("m", WORD)), PostStore(engine), log, clock)
    async with open_client(user_agent="Brandmelder-Test/1", allow_private=True) as outside:
        hook = config.build(Tools(outside, outside, clock, Unconfined()))
        assert isinstance(hook, Hook)
        deliveries = Deliveries({SOURCE: Hooked(case.kind, hook)}, intake, store, clock)
        async with api_over(Door(deliveries, clock, BODY_BYTES)) as client:
            yield HookBench(case, Board(clock), clock, case.sender(), log, store, client)
    await engine.dispose()


@asynccontextmanager
async def api_over(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """The hooks' part of the API, as the service serves it."""
    router = APIRouter(prefix="/v1")
    router.include_router(hooks_router(door))
    app = create_app([Service("ingest", router, {}, {})], "0")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://melder.example"
    ) as client:
        yield client
