"""The table of levels: a mistake in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.common.errors import ConfigurationError
from services.alert.level_table import SHIPPED, load_levels

TEXT = SHIPPED.read_text(encoding="utf-8")


def finding(tmp_path: Path, old: str, new: str) -> tuple[str, int]:
    """What is found when `old` is replaced, and the line on which it stood."""
    assert old in TEXT
    file = tmp_path / "levels.yaml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_levels(file)
    name, line, found = raised.value.findings[0].split(":", 2)
    assert name == str(file)
    return found.strip(), int(line)


def line_of(text: str) -> int:
    return TEXT[: TEXT.index(text)].count("\n") + 1


def test_the_shipped_table_is_in_order() -> None:
    table = load_levels()
    assert [rung.level for rung in table.levels] == [1, 2, 3, 4, 5, 6]
    assert load_levels(SHIPPED) == table


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("voices: {at_least: 18", "voices: {at_least: 5", "level 4 asks for less 'voices'"),
        ("tier: many", "tier: first", "level 5 asks for less 'press' than a level below it"),
        ("abuse: {at_least: 0.15}", "abuse: {at_least: 15}", "less than or equal to 1"),
        ("lasting: {at_least: 3}", "lasting: {at_least: 7}", "less than or equal to 6"),
        ("channels: {at_least: 5}", "canals: {at_least: 5}", "some.of.canals: unknown key"),
        ("tier: first}", "tier: 1st}", "input should be 'first', 'several', 'many' or 'top'"),
        ("first: 1, several: 3", "first: 3, several: 3", "expected first < several < many < top"),
        ("fewest_voices: 3", "fewest_voices: 2", "greater than or equal to 3"),
        ("rests: 2h", "rests: two hours", "expected a duration such as 30s, 5m, 2h or 90d"),
        ("  - level: 2\n", "  - level: 7\n", "levels[1].level: input should be less than"),
        ("  - level: 2\n", "  - level: 3\n", "expected the levels 1 to 6 in this order"),
        ("at_least: 1\n", "at_least: 3\n", "levels[1].some: asks for 3 of 2 criteria"),
        ("growth: {at_least: 1.5}", "joining: {at_least: 0.2}", "'joining' stands under `all`"),
        ("{value} kritische Stimmen in", "{values} kritische Stimmen in", "expected {value}"),
        (
            "      voices_day: {at_least: 1}",
            "      {}",
            "levels[0]: expected criteria under `all` or `some`",
        ),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found, _ = finding(tmp_path, old, new)
    assert expected in found


def test_and_by_its_line(tmp_path: Path) -> None:
    old = "abuse: {at_least: 0.15}"
    found, line = finding(tmp_path, old, "abuse: {at_least: -1}")
    assert found.startswith("levels[5].all.abuse.at_least: ")
    assert line == line_of(old)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_levels(Path("/nowhere/levels.yaml"))
    assert raised.value.findings[0].startswith("/nowhere/levels.yaml: cannot be read")
