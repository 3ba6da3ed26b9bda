"""Whatever a platform answers, a reading gives pages or fails by name; and so does the next one.

Real answers of the stand-ins, changed at random: other types, huge numbers, missing keys, deep
nesting, flipped and missing bytes, wrong content types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from starlette.applications import Starlette

from libs.common.errors import Retryable
from libs.common.http import open_client
from sandbox.platforms.board import Board, Written
from sandbox.platforms.delivering import Happened
from sandbox.server import serving
from services.ingest.collector import Collector, Limits, LooksAgain, SourceConfig, Stream, Tools
from services.ingest.collectors import Source
from services.ingest.failure import CollectionFailed
from services.ingest.hook import Call, Denied, Hook
from services.ingest.post import Deletion, Page, Post
from tests.contract.collectors.cases import CASES
from tests.contract.collectors.cases.delivered import HOOK_CASES
from tests.contract.collectors.conformance import WORD, Case, configured
from tests.contract.collectors.delivering import SOURCE, HookCase
from tests.contract.collectors.spoiling import Spoiling, SpoilingApp, spoiled, spoilings
from tests.unit.ingest.building import NOW, SetClock, Unconfined

EXAMPLES: Final = 40
MOST_PAGES: Final = 6
HANGS: Final = 30.0
"""Seconds after which a reading that should have ended counts as hanging."""
LISTENED: Final = 0.15
"""Seconds for which a stream is listened to when not every post comes: it has no end."""
_WRITTEN: Final = 5
LONGEST_CURSOR: Final = 100_000

_at_random = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
def test_whatever_is_answered_this_reading_and_the_next_fail_by_name_only(case: Case) -> None:
    with asyncio.Runner() as runner, _setting(case, runner) as (config, tools, app):
        app.spoil(None)
        known = runner.run(_ids(config.build(tools)))

        @_at_random
        @given(spoilings())
        def read(spoiling: Spoiling) -> None:
            runner.run(_read_twice(config, tools, app, spoiling, known))

        read()


@pytest.mark.parametrize("case", HOOK_CASES, ids=[case.name for case in HOOK_CASES])
def test_whatever_is_delivered_is_taken_or_refused_by_name(case: HookCase) -> None:
    sender = case.sender()
    board = Board(SetClock())
    bodies = sender.bodies([Happened("written", each) for each in _fill(board)])
    hook = _hook(case)
    with asyncio.Runner() as runner:

        @_at_random
        @given(spoilings())
        def deliver(spoiling: Spoiling) -> None:
            body = spoiled(bodies[spoiling.piece % len(bodies)], spoiling.changes)
            headers = {name.lower(): value for name, value in sender.signed(body).items()}
            call = Call({}, headers, body, NOW)
            with suppress(CollectionFailed, Denied, Retryable):
                delivery = runner.run(hook.receive(call))
                _check_all([change.what for change in delivery.changes])

        deliver()


def _fill(board: Board) -> list[Written]:
    minutes = iter(range(50, 0, -5))

    def write(text: str, **fields: object) -> Written:
        at = NOW - timedelta(minutes=next(minutes))
        return board.write(f"{WORD} {text}", at=at, **fields)  # type: ignore[arg-type]

    first = write("eins", title="Ein Titel & mehr", rating=4)
    answered = board.shown()[0].number
    return [
        first,
        write("zwei", answers=answered),
        write("drei", author=None, lang=None),
        write("vier <b>nicht fett</b>", author="bob", rating=1),
        write("fünf", answers=answered, author="bob"),
    ]


def _hook(case: HookCase) -> Hook:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    config = TypeAdapter[Source](Source).validate_python(
        {"id": SOURCE, "kind": case.kind, "allow_private": True, **case.source}
    )
    hook = config.build(Tools(client, client, SetClock(), Unconfined()))
    assert isinstance(hook, Hook)
    return hook


@contextmanager
def _setting(
    case: Case, runner: asyncio.Runner
) -> Iterator[tuple[SourceConfig, Tools, SpoilingApp]]:
    """A source, and the stand-in that it reads: in this process, but streams over connections."""
    board = Board(SetClock(), page_size=3)
    app = SpoilingApp(Starlette(routes=list(case.routes(board))))
    _fill(board)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport)
    tools = Tools(client, client, SetClock(), Unconfined(), (WORD,), Limits(seconds=5))
    config = configured(case, "http://platform.example")
    if isinstance(config.build(tools), Collector):
        yield config, tools, app
        return
    served = serving(app)
    address = runner.run(served.__aenter__())
    outside = open_client(user_agent="Brandmelder-Test/1", allow_private=True)
    client = runner.run(outside.__aenter__())
    try:
        yield configured(case, address), replace(tools, client=client, private_client=client), app
    finally:
        runner.run(outside.__aexit__(None, None, None))
        runner.run(served.__aexit__(None, None, None))


async def _ids(source: object) -> list[str]:
    """Of two posts that are there."""
    if not isinstance(source, Collector):
        return []
    cursor, found = None, list[str]()
    for _ in range(MOST_PAGES):
        page = await source.collect(cursor)
        cursor = page.cursor
        found += [post.native_id for post in page.posts]
    assert found
    return found[:2]


async def _read_twice(
    config: SourceConfig,
    tools: Tools,
    app: SpoilingApp,
    spoiling: Spoiling,
    known: Sequence[str],
) -> None:
    source = config.build(tools)
    app.spoil(spoiling)
    cursor = await _read(source, None)
    if isinstance(source, LooksAgain):
        app.spoil(spoiling)
        with suppress(CollectionFailed):
            async with asyncio.timeout(HANGS):
                _check_all(await source.deleted(known))
    app.spoil(None)
    await _read(config.build(tools), cursor)


async def _read(source: object, cursor: str | None) -> str | None:
    """Reads some pages; gives the cursor of the last one."""
    with suppress(CollectionFailed):
        if isinstance(source, Stream):
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTENED), aclosing(source.listen(cursor)) as pages:
                    came = 0
                    async for page in pages:
                        cursor = _checked(page)
                        came += len(page.posts)
                        if came >= _WRITTEN:
                            break
        elif isinstance(source, Collector):
            async with asyncio.timeout(HANGS):
                for _ in range(MOST_PAGES):
                    page = await source.collect(cursor)
                    cursor = _checked(page)
                    if not page.more:
                        break
    return cursor


def _checked(page: Page) -> str | None:
    """The cursor of a page that could be kept and published."""
    _check_all([*page.posts, *page.deletions])
    assert len((page.cursor or "").encode()) <= LONGEST_CURSOR
    return page.cursor


def _check_all(told: Sequence[Post | Deletion]) -> None:
    for each in told:
        msgspec.json.encode(each)
        if isinstance(each, Post):
            times = [at for at in (each.published_at, each.edited_at) if at is not None]
            assert all(at.tzinfo is UTC for at in times)
