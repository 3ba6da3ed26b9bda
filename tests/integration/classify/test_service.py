"""The service on the embedded log: from the raw stream to the classified one."""

from __future__ import annotations

import asyncio
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, RAW, Bus, streams
from libs.common.bus.open import open_bus
from libs.common.child import jobs
from libs.common.db import open_engine
from libs.common.errors import ConfigurationError
from libs.common.events import (
    ClassifiedMention,
    Event,
    Mention,
    MentionDeleted,
    from_record,
    to_message,
)
from libs.common.service import Loop, Service
from services.classify.load import load_classifier
from services.classify.service import open_service
from services.classify.settings import ClassifySection, ClassifySettings
from tests.unit.classify.subjects import a_deletion, a_mention

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def a_log(folder: Path) -> AsyncIterator[Bus]:
    bus = await open_bus(f"sqlite:///{folder / 'log.db'}")
    await bus.create_topics(streams(2))
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def a_service(
    bus: Bus, folder: Path, settings: ClassifySettings | None = None, *, apart: bool = False
) -> AsyncIterator[Service]:
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    try:
        gate = Gate("let-me-in")
        chosen = settings or ClassifySettings()
        async with open_service(chosen, bus, engine, gate, apart=apart) as service:
            yield service
    finally:
        await engine.dispose()


async def run(loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)


async def tagged(bus: Bus, service: Service, count: int) -> list[Event]:
    """What the service publishes, until `count` events are there."""
    stop = asyncio.Event()
    events: list[Event] = []
    async with asyncio.TaskGroup() as group, bus.reader([CLASSIFIED]) as reader:
        for loop in service.loops.values():
            group.create_task(run(loop, stop))
        async with asyncio.timeout(30):
            while len(events) < count:
                for record in await reader.poll(100, 0.2):
                    event = from_record(record)
                    assert event is not None
                    assert record.key == getattr(event, "watch", None)
                    events.append(event)
        stop.set()
    return events


async def test_mentions_are_tagged_and_deletions_follow_them(tmp_path: Path) -> None:
    async with a_log(tmp_path) as bus, a_service(bus, tmp_path) as service:
        burning = a_mention("Bei voller Fahrt hat die Bremse versagt!", native_id="1")
        raw: list[Mention | MentionDeleted] = [
            burning,
            a_mention("Danke, super Service!", native_id="2"),
            a_deletion(),
        ]
        await bus.publish([to_message(RAW, event.id, event, service="test") for event in raw])

        events = await tagged(bus, service, 3)

        labels = {
            event.native_id: event.classification.label
            for event in events
            if isinstance(event, ClassifiedMention)
        }
        assert labels == {"1": "crisis_candidate", "2": "praise"}
        of_the_burning = [type(e) for e in events if getattr(e, "id", None) == burning.id]
        assert of_the_burning == [ClassifiedMention, MentionDeleted]


async def test_a_killed_child_loses_no_mention_and_repeats_none(tmp_path: Path) -> None:
    async with a_log(tmp_path) as bus, a_service(bus, tmp_path, apart=True) as service:
        mentions = [a_mention("Die Bremse hat versagt", native_id=str(n)) for n in range(3000)]
        await bus.publish([to_message(RAW, each.id, each, service="test") for each in mentions])

        retried = batches_retried()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(kill_at_work, the_child()))
            events = await tagged(bus, service, len(mentions))

        assert batches_retried() == retried + 1
        assert {label_of(event) for event in events} == {"crisis_candidate"}
        assert sorted(id_of(event) for event in events) == sorted(each.id for each in mentions)


def the_child() -> psutil.Process:
    """The child that classifies, which has nothing to do yet: it stands still from now on."""
    [child] = [each for each in psutil.Process().children() if is_for_jobs(each)]
    child.suspend()
    return child


def kill_at_work(child: psutil.Process) -> None:
    """Kills a child that stands still, once a job waits for it: it has something to read."""
    with Path(f"/proc/{child.pid}/fd/0").open("rb") as its_jobs:
        ready, _, _ = select.select([its_jobs], [], [], 30)
    assert ready
    child.kill()


def is_for_jobs(process: psutil.Process) -> bool:
    """Whether this child was started to do jobs, and not to serve."""
    try:
        return jobs.__name__ in process.cmdline()
    except psutil.Error:
        return False


def batches_retried() -> float:
    return (
        REGISTRY.get_sample_value("brandmelder_batches_retried_total", {"group": "classify"}) or 0
    )


def label_of(event: Event) -> str:
    assert isinstance(event, ClassifiedMention)
    return event.classification.label


def id_of(event: Event) -> str:
    assert isinstance(event, ClassifiedMention)
    return event.id


async def test_the_checks_say_what_is_loaded_and_how_far_it_is(tmp_path: Path) -> None:
    async with a_log(tmp_path) as bus, a_service(bus, tmp_path) as service:
        states = {name: await check() for name, check in service.checks.items()}
        assert states == {
            "log": "the log answers",
            "model": f"{load_classifier().name} is loaded",
            "lag": "0 records behind",
        }


async def test_what_is_asked_is_answered_by_the_child_too(tmp_path: Path) -> None:
    asked = [{"text": "Danke, super!"}, {"text": "Es brennt!", "title": None}] * 20
    answers = []
    for apart in (False, True):
        async with a_log(tmp_path) as bus, a_service(bus, tmp_path, apart=apart) as service:
            app = FastAPI()
            app.include_router(service.router)
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://classify",
                headers={"Authorization": "Bearer let-me-in"},
            )
            async with client:
                answers.append((await client.post("/v1/classify", json=asked)).json())
    assert answers[0] == answers[1]
    assert len(answers[0]) == 40


ALONE = """
import asyncio, sys
from pathlib import Path
from libs.common.bus import RAW
from libs.common.events import to_message
from tests.integration.classify.test_service import a_log, a_service, tagged
from tests.unit.classify.subjects import a_mention

async def main(folder):
    async with a_log(folder) as bus, a_service(bus, folder, apart=True) as service:
        mention = a_mention("Die Bremse hat versagt")
        await bus.publish([to_message(RAW, mention.id, mention, service="test")])
        [event] = await tagged(bus, service, 1)
        print(event.classification.label, sorted({"numba", "numpy"} & set(sys.modules)))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_the_process_that_does_more_than_classify_never_loads_compiled_code(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["crisis_candidate []"], done.stderr


async def test_a_bad_lexicon_of_ones_own_stops_the_start(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    settings = ClassifySettings(classify=ClassifySection(lexicons=(missing,)))
    async with a_log(tmp_path) as bus:
        with pytest.raises(ConfigurationError, match=r"missing\.yaml: cannot be read"):
            async with a_service(bus, tmp_path, settings):
                pass
