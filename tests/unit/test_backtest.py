"""`brandmelder backtest`: what people see of it, over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from libs.common.db import migrate, open_engine
from libs.common.events import ClassifiedMention, MentionDeleted
from services.cli import cli
from services.query.store import MentionStore
from tests.integration.alert.crowds import a_crowd, a_voice, deletion
from tests.unit.alert.builders import NIGHT

WATCHES = "watches: [{id: motorrad-ag, name: Motorrad AG, query: 'Motorrad*'}]\n"
SINCE = "2026-11-22"
DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place to run in, with its configuration and data: only the detectors speak."""
    (tmp_path / "data").mkdir()
    write(tmp_path / "brandmelder.yaml", WATCHES + "rules: []\n")
    return tmp_path


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def stored(
    folder: Path, mentions: Sequence[ClassifiedMention], gone: Sequence[MentionDeleted] = ()
) -> None:
    """The store has these mentions, without those that are gone."""

    async def fill() -> None:
        engine = open_engine(f"sqlite:///{folder / 'data' / 'store.db'}")
        await migrate(engine, "services.query")
        store = MentionStore(engine)
        await store.write(mentions)
        await store.write(gone)
        await engine.dispose()

    asyncio.run(fill())


def backtest(folder: Path, *arguments: str, since: str = SINCE) -> Result:
    environment = {
        "BRANDMELDER_CONFIG": str(folder / "brandmelder.yaml"),
        "BRANDMELDER_DATA": str(folder / "data"),
        "BRANDMELDER_AUTHOR_KEY": "k" * 32,
    }
    return CliRunner().invoke(cli, ["backtest", "--since", since, *arguments], env=environment)


def test_a_page_is_a_line_with_its_time_level_cause_matter_and_reason(folder: Path) -> None:
    stored(folder, a_crowd(30))
    result = backtest(folder)
    assert (result.exit_code, result.stderr) == (0, "")
    *pages, total = result.stdout.splitlines()
    assert pages[0].startswith("2026-11-22T03:")  # NIGHT is 02:12 in UTC
    assert "+01:00  level 2  opened    Motorrad AG: Kritischer Beitrag  [" in pages[0]
    assert "kritische Stimmen" in pages[0]
    assert all("worsened  Motorrad AG: Kritischer Beitrag  [" in page for page in pages[1:])
    assert total == f"30 mentions, {len(pages)} pages."


def test_the_zone_and_the_language_are_those_of_the_configuration(folder: Path) -> None:
    stored(folder, a_crowd(30))
    write(folder / "brandmelder.yaml", WATCHES + "rules: []\ntimezone: UTC\nlanguage: en\n")
    first, *_ = backtest(folder).stdout.splitlines()
    assert first.startswith("2026-11-22T02:")
    assert "+00:00  level 2  opened    Motorrad AG: Critical post  [" in first


def test_the_weeks_before_say_nothing_and_count_nothing(folder: Path) -> None:
    before = a_crowd(30, first=100, start=NIGHT - 10 * DAY)
    stored(folder, [*before, a_voice(1)])
    assert backtest(folder).stdout == "1 mentions, 0 pages.\n"


def test_what_was_said_before_is_known(folder: Path) -> None:
    crowd = a_crowd(30)
    stored(folder, crowd)
    assert "opened" in backtest(folder).stdout
    later = backtest(folder, since="2026-11-22T02:20").stdout.splitlines()
    assert all("opened" not in line for line in later)
    since = NIGHT.replace(hour=2, minute=20)
    count = sum(mention.published_at >= since for mention in crowd)
    assert later[-1].startswith(f"{count} mentions, ")


def test_what_was_said_after_until_is_left_out(folder: Path) -> None:
    stored(folder, a_crowd(30))
    until = backtest(folder, "--until", "2026-11-22T02:13")
    assert until.stdout == "3 mentions, 0 pages.\n"


def test_what_was_deleted_is_not_heard(folder: Path) -> None:
    crowd = a_crowd(30)
    stored(folder, crowd, [deletion(mention) for mention in crowd[1:]])
    assert backtest(folder).stdout == "1 mentions, 0 pages.\n"


def test_the_past_counts_as_if_it_had_been_read_when_it_was_published(folder: Path) -> None:
    late = [replace(m, collected_at=NIGHT + 30 * DAY, backfill=True) for m in a_crowd(30)]
    stored(folder, late)
    assert "level 2  opened" in backtest(folder).stdout


def test_other_rules_can_be_tried(folder: Path) -> None:
    stored(folder, [a_voice(1, text="Es brennt in der Werkstatt", severity=0.3)])
    assert backtest(folder).stdout == "1 mentions, 0 pages.\n"
    rule = "rules: [{id: burns, when: brennt, level: 4, why: Es brennt.}]\n"
    other = write(folder / "other.yaml", WATCHES + rule)
    page, total = backtest(folder, "--rules", other).stdout.splitlines()
    assert page == (
        "2026-11-22T03:12+01:00  level 4  opened    Motorrad AG: Kritischer Beitrag  "
        "[rule burns: Es brennt.]"
    )
    assert total == "1 mentions, 1 pages."


def test_nothing_is_told_and_nothing_is_written(folder: Path) -> None:
    stored(folder, a_crowd(30))
    first = backtest(folder).stdout
    assert backtest(folder).stdout == first
    assert not (folder / "data" / "log.db").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("rules: [{id: a, when: 'severity>=', level: 3}]\n", "rules"),
        ("rules: [{id: a, when: x, level: 9}]\n", "level"),
        ("detection: {budget: -1}\n", "budget"),
    ],
)
def test_rules_that_are_wrong_are_named(content: str, said: str, folder: Path) -> None:
    result = backtest(folder, "--rules", write(folder / "other.yaml", content))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "other.yaml" in result.stderr
    assert said in result.stderr


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    result = backtest(folder, "--rules", str(folder / "none.yaml"))
    assert (result.exit_code, "none.yaml" in result.stderr) == (2, True)


@pytest.mark.parametrize("since", ["last week", ""])
def test_since_when_has_to_be_said(since: str, folder: Path) -> None:
    result = backtest(folder, since=since)
    assert (result.exit_code, "--since" in result.stderr) == (2, True)
