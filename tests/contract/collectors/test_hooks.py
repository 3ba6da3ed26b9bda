"""What every kind of source that delivers promises, over the HTTP API, with a stand-in that signs
as its platform does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.contract.collectors.cases.delivered import HOOK_CASES
from tests.contract.collectors.conformance import WORD
from tests.contract.collectors.delivering import (
    BODY_BYTES,
    SOURCE,
    Behaviour,
    HookCase,
    hook_bench,
    written_in_order,
)

ALL = pytest.mark.parametrize("case", HOOK_CASES, ids=[case.name for case in HOOK_CASES])


def having(behaviour: Behaviour) -> pytest.MarkDecorator:
    """For every case that has the behaviour; `lacks` says why the others do not."""
    cases = [case for case in HOOK_CASES if behaviour not in case.lacks]
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@ALL
async def test_the_handshake_proves_that_the_address_is_ours(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        answer = await it.greet(it.sender.greeting())
        assert answer.status_code == 200
        assert it.sender.accepts(answer.content)
        assert (await it.greet({})).status_code in (400, 403)
        assert await it.health() == "new"


@ALL
async def test_what_is_delivered_is_on_the_log_when_the_answer_is_good(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("bremst schlecht, äußerst ärgerlich 🚲 \\o/")
        assert await it.deliver(written) == [200]
        (mention,) = it.log.written
        assert mention.text == written.post.text
        assert mention.source == SOURCE
        assert mention.author is not None
        assert mention.published_at == written.post.written_at
        assert mention.url is None or mention.url.startswith("https://")
        assert await it.health() == "ok"
        state = await it.store.state(SOURCE)
        assert state is not None
        assert (state.last_success, state.last_entry) == (it.clock(), it.clock())


@ALL
async def test_a_wrong_signature_is_refused_and_nothing_is_taken(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        (body,) = it.sender.bodies([it.write("gefälscht")])
        good = it.sender.signed(body)
        broken = {name: _broken(value) for name, value in good.items()}
        for headers in ({}, {"Content-Type": "application/json"}, broken):
            assert (await it.send(body, headers)).status_code == 401
        assert (await it.send(body + b" ", good)).status_code == 401
        answer = await it.send(body.replace(WORD.encode(), b"Fahrrad"), good)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code == 401
        assert it.log.messages == []
        assert await it.health() == "new"


@ALL
async def test_a_handshake_signs_no_delivery(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        (body,) = it.sender.bodies([it.write("untergeschoben")])
        for prefix in (b"", b"hmacsha256="):
            greeting = dict.fromkeys(it.sender.greeting(), (prefix + body).decode())
            assert (await it.greet(greeting)).status_code in (400, 403)


@ALL
async def test_what_comes_twice_is_the_same_mention(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("kommt zweimal")
        await it.deliver(written)
        await it.deliver(written)
        assert len({mention.id for mention in it.log.written}) == 1


@ALL
async def test_a_batch_of_many_is_taken_whole_and_in_order(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        happened = written_in_order(it, 30)
        assert set(await it.deliver(*reversed(happened))) == {200}
        assert set(it.log.standing.values()) == {each.post.text for each in happened}


@ALL
async def test_while_the_log_is_away_the_platform_is_asked_to_come_again(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("geht nicht verloren")
        it.log.is_down = True
        assert await it.deliver(written) == [503]
        assert await it.health() == "new"
        it.log.is_down = False
        it.clock.forward(hours=3)
        assert await it.deliver(written) == [200]
        assert list(it.log.standing.values()) == [written.post.text]


@ALL
async def test_a_broken_part_costs_only_itself(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        (body,) = it.sender.bodies([it.write("heil")])
        spoilt = re.sub(rb"\[\{", b'[7, {"entry": 5}, null, {', body)
        assert spoilt != body
        assert (await it.send(spoilt, it.sender.signed(spoilt))).status_code == 200
        assert list(it.log.standing.values()) == [f"{WORD} heil"]


@ALL
async def test_fields_nobody_knows_change_nothing(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        (body,) = it.sender.bodies([it.write("fremde Felder")])
        strange = re.sub(rb"\{(?=\s*\")", b'{"zz_new": {"a": [1, null]}, ', body)
        assert (await it.send(strange, it.sender.signed(strange))).status_code == 200
        assert list(it.log.standing.values()) == [f"{WORD} fremde Felder"]


@ALL
@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b'"x"', b"[" * 100_000, b"{}", b"7"])
async def test_signed_nonsense_is_no_server_error(
    case: HookCase, tmp_path: Path, body: bytes
) -> None:
    async with hook_bench(case, tmp_path) as it:
        answer = await it.send(body, it.sender.signed(body))
        assert answer.status_code == (200 if body == b"{}" else 503)
        assert await it.health() == ("unchanged" if body == b"{}" else "failing")
        assert it.log.messages == []


@ALL
async def test_a_delivery_without_measure_is_refused(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        body = b"x" * (BODY_BYTES + 1)
        assert (await it.send(body, it.sender.signed(body))).status_code == 413


@having("edit")
async def test_an_edited_post_comes_again_under_its_id(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("zuerst")
        await it.deliver(written)
        it.clock.forward(minutes=5)
        await it.deliver(it.edit(written, "danach ganz anders"))
        first, second = it.log.written
        assert first.id == second.id
        assert second.text == f"{WORD} danach ganz anders"


@having("edit")
async def test_an_old_version_that_comes_late_changes_nothing(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("zuerst")
        it.clock.forward(minutes=5)
        edited = it.edit(written, "danach")
        it.clock.forward(minutes=5)
        edited_again = it.edit(written, "zuletzt")
        await it.deliver(edited_again)
        await it.deliver(edited, written)
        assert list(it.log.standing.values()) == [f"{WORD} zuletzt"]


@having("deletion")
async def test_a_deleted_post_is_deleted(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        regretted, other = it.write("bereut"), it.write("bleibt")
        await it.deliver(regretted, other)
        it.clock.forward(minutes=5)
        await it.deliver(it.delete(regretted))
        (deletion,) = it.log.deleted
        assert deletion.deleted_at == it.clock()
        assert list(it.log.standing.values()) == [f"{WORD} bleibt"]


@having("deletion")
async def test_a_post_that_arrives_after_its_deletion_stays_deleted(
    case: HookCase, tmp_path: Path
) -> None:
    async with hook_bench(case, tmp_path) as it:
        written = it.write("überholt")
        it.clock.forward(minutes=5)
        await it.deliver(it.delete(written))
        it.clock.forward(minutes=5)
        await it.deliver(written)
        assert it.log.messages == []


@having("missing fields")
async def test_a_post_without_author_or_language_is_a_post(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        await it.deliver(it.write("von niemandem", author=None, lang=None))
        (mention,) = it.log.written
        assert mention.author is None


@having("time zones")
async def test_times_are_the_same_moment_in_utc(case: HookCase, tmp_path: Path) -> None:
    async with hook_bench(case, tmp_path) as it:
        there = timezone(timedelta(hours=5, minutes=30))
        moment = (it.clock() - timedelta(hours=3)).astimezone(there)
        await it.deliver(it.write("anderswo", at=moment))
        (mention,) = it.log.written
        published: datetime = mention.published_at
        assert (published, published.utcoffset()) == (moment.astimezone(UTC), timedelta())


async def test_an_address_to_which_nothing_is_delivered_is_not_found(tmp_path: Path) -> None:
    async with hook_bench(HOOK_CASES[0], tmp_path) as it:
        for path in ("/v1/hooks/andere", f"/v1/hooks/andere/{'a' * 43}"):
            for answer in (await it.client.get(path), await it.client.post(path, content=b"{}")):
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"


def _broken(value: str) -> str:
    return value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1]


def test_what_a_platform_lacks_has_a_reason() -> None:
    reasons: list[Mapping[Behaviour, str]] = [case.lacks for case in HOOK_CASES]
    assert all(reason for lacks in reasons for reason in lacks.values())
