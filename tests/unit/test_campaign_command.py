"""`brandmelder campaign`: from a small wave of reviews to the report that people hand in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from libs.common.db import migrate
from libs.common.events import ClassifiedMention, MentionDeleted
from services.cli import cli
from services.query.store import MentionStore
from tests.integration.alert.crowds import deletion
from tests.integration.alert.house import a_house
from tests.unit.alert.builders import a_mention
from tests.unit.alert.detectors.campaign_posts import CHEATED, NIGHT, OTHER, a_fake_wave, said

HOTEL = {"id": "hotel", "name": "Hotel Alpenhof", "query": "Alpenhof"}
WAVE = a_fake_wave(6)
OTHERS = [
    said(OTHER, "berta", at=NIGHT + timedelta(minutes=15)),
    said("Das Frühstück war herrlich, wir kommen gern wieder.", "cem", at=NIGHT),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "brandmelder.yaml").write_text(
        "watches: [{id: hotel, name: Hotel Alpenhof, query: Alpenhof}]\n", encoding="utf-8"
    )
    return tmp_path


def happened(
    folder: Path, mentions: Sequence[ClassifiedMention], gone: Sequence[MentionDeleted] = ()
) -> str:
    """Both services have seen these mentions, and then what is gone; the newest incident's id."""

    async def see() -> str:
        url = f"sqlite:///{folder / 'data' / 'store.db'}"
        sections: dict[str, Any] = {"watches": [HOTEL]}
        async with a_house(url, **sections) as house:
            await migrate(house.engine, "services.query")
            store = MentionStore(house.engine)
            await store.write(mentions)
            await store.write(gone)
            for mention in mentions:
                await house.sees(mention)
            await house.sees(*gone)
            newest, *_ = await house.all()
            return newest.id

    return asyncio.run(see())


def campaign(folder: Path, *arguments: str) -> Result:
    environment = {
        "BRANDMELDER_CONFIG": str(folder / "brandmelder.yaml"),
        "BRANDMELDER_DATA": str(folder / "data"),
        "BRANDMELDER_AUTHOR_KEY": "k" * 32,
    }
    return CliRunner().invoke(cli, ["campaign", *arguments], env=environment)


def posts_of(result: Result) -> list[str]:
    """The mentions of a report in JSON."""
    return [post["mention"] for post in json.loads(result.stdout)["posts"]]


def test_the_report_has_every_copy_and_nothing_else(folder: Path) -> None:
    incident = happened(folder, [*OTHERS, *WAVE])
    result = campaign(folder, incident)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Hotel Alpenhof" in result.stdout.splitlines()[0]
    assert result.stdout.count("Nie wieder Hotel Alpenhof") == 6
    assert "Vorderrad" not in result.stdout
    assert "| 6 | 2026-03-04 03:20 |" in result.stdout


def test_the_first_post_is_in_it_although_it_copied_nobody(folder: Path) -> None:
    incident = happened(folder, WAVE)
    assert posts_of(campaign(folder, incident, "--format", "json")) == [post.id for post in WAVE]


def test_the_report_speaks_the_language_that_is_asked_for(folder: Path) -> None:
    incident = happened(folder, WAVE)
    german = campaign(folder, incident).stdout
    assert campaign(folder, incident, "--language", "de").stdout == german
    english = campaign(folder, incident, "--language", "en").stdout
    assert german.splitlines()[0] != english.splitlines()[0]
    assert "2026-03-04 02:30" in english


def test_what_was_deleted_is_not_in_it(folder: Path) -> None:
    incident = happened(folder, WAVE, [deletion(WAVE[0]), deletion(WAVE[3])])
    result = campaign(folder, incident, "--format", "json")
    assert posts_of(result) == [WAVE[place].id for place in (1, 2, 4, 5)]


@pytest.mark.parametrize("tipped", [3, 4, 5])
def test_it_is_made_also_when_the_post_that_tipped_the_detector_is_gone(
    tipped: int, folder: Path
) -> None:
    incident = happened(folder, WAVE, [deletion(WAVE[tipped])])
    assert len(posts_of(campaign(folder, incident, "--format", "json"))) == 5


def test_posts_that_came_after_the_incident_are_in_it(folder: Path) -> None:
    later = said(CHEATED, "late", at=NIGHT + timedelta(days=3))
    incident = happened(folder, [*WAVE, later])
    assert posts_of(campaign(folder, incident, "--format", "json"))[-1] == later.id


def test_when_everything_is_gone_it_says_so(folder: Path) -> None:
    incident = happened(folder, WAVE, [deletion(post) for post in WAVE])
    result = campaign(folder, incident)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"brandmelder: all posts of incident '{incident}' have been deleted or erased\n"
    )


def test_an_incident_that_is_not_there_is_named(folder: Path) -> None:
    result = campaign(folder, "none")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "brandmelder: there is no incident 'none'\n"


def test_an_incident_about_something_else_is_named(folder: Path) -> None:
    incident = happened(folder, [a_mention("1", watch="hotel")])
    result = campaign(folder, incident)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"brandmelder: incident '{incident}' is no suspected campaign: "
        "Hotel Alpenhof: Produkt gefährdet Menschen\n"
    )


def test_a_configuration_that_is_wrong_is_named(folder: Path) -> None:
    (folder / "brandmelder.yaml").write_text("timezone: Mars\n", encoding="utf-8")
    result = campaign(folder, "none")
    assert (result.exit_code, "timezone" in result.stderr) == (2, True)
