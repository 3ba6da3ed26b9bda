"""`brandmelder corrections` and `reclassify`: what people see of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from libs.common.bus import CLASSIFIED, RAW, streams
from libs.common.bus.open import open_bus
from libs.common.db import migrate, open_engine
from libs.common.events import ClassifiedMention, Mention, to_message
from services.classify.tagging import classified
from services.cli import STOPPED, cli
from services.query.correction import Correction
from services.query.corrections import Corrections
from services.query.store import MentionStore
from tests.unit.classify import subjects
from tests.unit.query_service.building import a_classification, a_correction, a_mention
from training import corpus

MANY = 30_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place to run in, with its configuration and data."""
    (tmp_path / "data").mkdir()
    (tmp_path / "brandmelder.yaml").write_text(
        "watches: [{id: motorrad-ag, name: M, query: 'Motorrad*'}]\n", encoding="utf-8"
    )
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {
        "BRANDMELDER_CONFIG": str(folder / "brandmelder.yaml"),
        "BRANDMELDER_DATA": str(folder / "data"),
        "BRANDMELDER_AUTHOR_KEY": "k" * 32,
    }


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment(folder))


def labelled(folder: Path, *said: tuple[ClassifiedMention, Correction]) -> None:
    """The store has these mentions, and what people say of them."""

    async def write() -> None:
        engine = open_engine(f"sqlite:///{folder / 'data' / 'store.db'}")
        await migrate(engine, "services.query")
        await MentionStore(engine).write([mention for mention, _ in said])
        for mention, correction in said:
            await Corrections(engine).put(mention.id, correction)
        await engine.dispose()

    asyncio.run(write())


def known(folder: Path, mentions: Sequence[Mention], model: str = "test-1") -> None:
    """The store has these mentions, as complaints, and the raw log too."""
    verdict = replace(a_classification("complaint"), model=model)

    async def write() -> None:
        engine = open_engine(f"sqlite:///{folder / 'data' / 'store.db'}")
        await migrate(engine, "services.query")
        await MentionStore(engine).write([classified(mention, verdict) for mention in mentions])
        await engine.dispose()

    asyncio.run(write())
    collected(folder, mentions)


def collected(folder: Path, mentions: Sequence[Mention]) -> None:
    """The raw log has these mentions."""

    async def publish() -> None:
        bus = await open_bus(f"sqlite:///{folder / 'data' / 'log.db'}")
        await bus.create_topics(streams(2))
        await bus.publish([to_message(RAW, m.id, m, service="ingest") for m in mentions])
        await bus.close()

    asyncio.run(publish())


def test_corrections_print_lines_that_the_corpus_takes(folder: Path, tmp_path: Path) -> None:
    labelled(
        folder,
        (a_mention(1, "Danke, @MotorradAG! Größe 👍", lang="de"), a_correction("praise")),
        (a_mention(2, "Pourquoi ?", lang="fr"), a_correction("question")),
        (a_mention(3, "Heikel!", lang="de"), a_correction("crisis_candidate")),
        (a_mention(5, "Der Akku brennt", lang="de"), a_correction("crisis_candidate")),
        (a_mention(4, "It burns!", lang="en"), a_correction("crisis_candidate", theme="fire")),
    )
    result = run(folder, "corrections", "--industry", "automotive")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "Left out: 1 (a crisis without a theme)",
        "Left out: 1 (neither German nor English)",
    ]
    own = tmp_path / "own"
    own.mkdir()
    (own / "own.jsonl").write_bytes(result.stdout_bytes)
    samples = corpus.read(own)
    assert {(sample.text, sample.label, sample.industry) for sample in samples} == {
        ("Danke, @user! Größe 👍", "praise", "automotive"),
        ("It burns!", "crisis_candidate", "automotive"),
        ("Der Akku brennt", "crisis_candidate", "automotive"),
    }


def test_corrections_can_be_narrowed_by_watch_and_time(folder: Path) -> None:
    labelled(
        folder,
        (a_mention(1, "eins", lang="de"), a_correction("praise")),
        (a_mention(2, "zwei", lang="de", watch="board"), a_correction("praise")),
    )
    both = run(folder, "corrections", "--since", "2026-07-01T12:00")
    assert len(both.stdout.splitlines()) == 2
    assert '"industry":"other"' in both.stdout
    assert run(folder, "corrections", "--since", "2026-07-01T12:01").stdout == ""
    [line] = run(folder, "corrections", "--watch", "motorrad-ag").stdout.splitlines()
    assert '"eins"' in line


def test_a_watch_that_nobody_configured_is_named_with_those_there_are(folder: Path) -> None:
    result = run(folder, "corrections", "--watch", "motorad")
    assert result.exit_code == 2
    assert "no watch is called 'motorad'; there are: motorrad-ag" in result.stderr


def test_reclassify_says_what_it_did(folder: Path) -> None:
    mentions = [subjects.a_mention("Die Bremse hat versagt", native_id=str(n)) for n in range(6)]
    known(folder, mentions[:3])
    known(folder, mentions[3:5], model="test-1+gpt")
    collected(folder, mentions[5:])
    result = run(folder, "reclassify", "--since", "2026-01-01")
    assert (result.exit_code, result.stderr) == (0, "")
    done, unknown, opinions = result.stdout.splitlines()
    assert done.startswith("Done: 3 mentions judged anew by ")
    assert done.endswith(
        ", 3 of them with another label than before; 0 deleted or edited since, left alone."
    )
    assert unknown == "1 are not in the store, or not yet: left to the services."
    assert opinions == "2 keep the second opinion that they have."


@pytest.mark.parametrize("since", [[], ["--since", "last week"]])
def test_reclassify_wants_to_know_since_when(since: list[str], folder: Path) -> None:
    result = run(folder, "reclassify", *since)
    assert result.exit_code == 2
    assert "--since" in result.stderr


def test_ctrl_c_ends_reclassify_after_the_batch_at_hand(folder: Path) -> None:
    known(folder, [subjects.a_mention(native_id=str(n)) for n in range(MANY)])
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "reclassify", "--since", "2026-01-01"],
        env={**os.environ, **environment(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _when_it_has_begun(folder)
        process.send_signal(signal.SIGINT)
        told, wrong = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, wrong) == (STOPPED, "")
    assert told.startswith("Stopped; what is done stays done: ")
    done = int(told.split(": ")[1].split()[0])
    assert 0 < done < MANY
    assert asyncio.run(_classified(folder)) == done


def _when_it_has_begun(folder: Path) -> None:
    """Returns when the first verdicts are on the log."""
    deadline = time.monotonic() + 60
    while asyncio.run(_classified(folder)) == 0:
        assert time.monotonic() < deadline, "nothing was judged"


async def _classified(folder: Path) -> int:
    """How many records the classified log has."""
    bus = await open_bus(f"sqlite:///{folder / 'data' / 'log.db'}")
    async with bus.reader([CLASSIFIED], "end") as reader:
        count = sum((await reader.end()).values())
    await bus.close()
    return count
