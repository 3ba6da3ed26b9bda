"""Mentions that Meta tells by their id only, looked up over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from sandbox.platforms.board import Board, Written
from sandbox.platforms.meta import VERSION, FacebookPage, InstagramAccount, routes
from sandbox.server import serving
from tests.contract.collectors.cases.delivered import HOOK_CASES
from tests.contract.collectors.conformance import WORD
from tests.contract.collectors.delivering import HookBench, HookCase, hook_bench
from tests.unit.ingest.building import SetClock

ACCESS = "ein geheimer Zugang"
CASES = [case for case in HOOK_CASES if case.kind == "meta"]
BOTH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@asynccontextmanager
async def with_graph(case: HookCase, folder: Path) -> AsyncIterator[HookBench]:
    """The hook, and a Graph API that shows the same board."""
    board = Board(SetClock())
    async with (
        serving(Starlette(routes=routes(board, ACCESS))) as address,
        hook_bench(case, folder, access_token=ACCESS, graph_api=address + VERSION) as it,
    ):
        board.clock = it.clock
        it.board = board
        yield it


async def mention(it: HookBench, post: Written) -> httpx.Response:
    sender = it.sender
    assert isinstance(sender, FacebookPage | InstagramAccount)
    body = sender.body([sender.entry(it.clock(), [sender.mention(post)])])
    return await it.send(body, sender.signed(body))


@BOTH
async def test_a_mention_told_by_its_id_is_looked_up(case: HookCase, tmp_path: Path) -> None:
    async with with_graph(case, tmp_path) as it:
        post = it.board.write(f"{WORD} woanders erwähnt", author="ann")
        it.clock.forward(minutes=5)
        assert (await mention(it, post)).status_code == 200
        (found,) = it.log.written
        assert found.text == f"{WORD} woanders erwähnt"
        assert found.published_at == post.written_at
        assert found.author is not None


@BOTH
async def test_a_revoked_token_is_named_and_the_mention_comes_again(
    case: HookCase, tmp_path: Path
) -> None:
    async with with_graph(case, tmp_path) as it:
        post = it.board.write(f"{WORD} woanders")
        it.board.refuses = True
        answer = await mention(it, post)
        assert answer.status_code == 503
        assert ACCESS not in answer.text
        assert await it.health() == "auth_failed"
        state = await it.store.state("lieferung")
        assert state is not None
        assert ACCESS not in str(state.reason)
        it.board.refuses = False
        assert (await mention(it, post)).status_code == 200
        assert len(it.log.written) == 1
        assert await it.health() == "ok"


@BOTH
async def test_a_rate_limit_asks_for_the_mention_again(case: HookCase, tmp_path: Path) -> None:
    async with with_graph(case, tmp_path) as it:
        post = it.board.write(f"{WORD} woanders")
        it.board.limit(60)
        answer = await mention(it, post)
        assert (answer.status_code, await it.health()) == (503, "rate_limited")
        assert int(answer.headers["retry-after"]) >= 1


@BOTH
async def test_a_mention_that_is_gone_meanwhile_is_left_out(case: HookCase, tmp_path: Path) -> None:
    async with with_graph(case, tmp_path) as it:
        post = it.board.write(f"{WORD} bereut")
        it.board.delete(post.number)
        assert (await mention(it, post)).status_code == 200
        assert it.log.messages == []


async def test_a_graph_that_is_away_loses_nothing(tmp_path: Path) -> None:
    async with hook_bench(
        CASES[0], tmp_path, access_token=ACCESS, graph_api="http://127.0.0.1:9"
    ) as it:
        written = it.write("selbst gesagt")
        assert (await mention(it, written.post)).status_code == 503
        assert await it.health() == "failing"
