"""docs/levels.md says what levels.yaml does: every criterion with its reason, every bar."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.alert.level_table import (
    CRITERIA,
    AnyBar,
    CountBar,
    Criterion,
    JoiningBar,
    PressBar,
    Rung,
    load_levels,
)
from services.alert.level_table import SHARES as SHARE_CRITERIA

PAGE = (Path(__file__).parents[3] / "docs" / "levels.md").read_text(encoding="utf-8")
TABLE = load_levels()


def number(value: float, criterion: Criterion) -> str:
    return f"{value:.0%}" if criterion in SHARE_CRITERIA else f"{value:g}"


def cell(rung: Rung, criterion: Criterion) -> str:
    """A bar as the page writes it; in brackets where it is one to choose from."""
    bar = dict(rung.asked()).get(criterion)
    if bar is None:
        return "–"
    chosen = rung.some is not None and criterion in dict(rung.some.of.asked())
    return f"({written(bar, criterion)})" if chosen else written(bar, criterion)


def written(bar: AnyBar, criterion: Criterion) -> str:
    if isinstance(bar, PressBar):
        return f"{bar.tier}: {TABLE.tiers.publishers(bar.tier)}"
    parts = [number(bar.at_least, criterion)]
    if isinstance(bar, CountBar) and (bar.times_usual or bar.times_usual_critical):
        parts += [f"{bar.times_usual:g} × all", f"{bar.times_usual_critical:g} × critical"]
    if isinstance(bar, JoiningBar):
        parts += [f"{bar.times_usual:g} × usual up to {number(bar.at_most, criterion)}"]
    return ", ".join(parts)


def row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join((name, *cells))} |"


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_stands_there_with_its_bars_and_its_reason(criterion: Criterion) -> None:
    bars = row(f"`{criterion}`", [cell(rung, criterion) for rung in TABLE.levels])
    meaning = TABLE.criteria.of(criterion)
    reason = row(f"`{criterion}`", [meaning.name.en, meaning.reason.en])
    assert bars in PAGE, f"docs/levels.md lacks the row:\n{bars}"
    assert reason in PAGE, f"docs/levels.md lacks the row:\n{reason}"


def test_so_do_the_choices_the_rests_and_the_reasons_of_the_levels() -> None:
    choices = row(
        "of those in brackets, at least",
        [str(rung.some.at_least) if rung.some else "–" for rung in TABLE.levels],
    )
    rests = row(
        "falls after",
        [f"{rung.rests.total_seconds() / 3600:g} h" for rung in TABLE.levels],
    )
    assert choices in PAGE, choices
    assert rests in PAGE, rests
    for rung in TABLE.levels:
        why = row(str(rung.level), [rung.why.en])
        assert why in PAGE, why


def test_the_numbers_for_the_whole_table_stand_there() -> None:
    assert f"`fewest_voices: {TABLE.fewest_voices}`" in PAGE
    assert f"`beyond_chance: {TABLE.beyond_chance:g}`" in PAGE
