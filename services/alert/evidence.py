"""A level in words: what speaks for it, with numbers, and what the next one lacks."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import NamedTuple

from libs.common.events import Measured
from libs.common.settings import Language
from services.alert.level import Grade, Lacking, Levels
from services.alert.level_table import SHARES, LevelTable, load_levels
from services.alert.page import Words
from services.alert.texts import texts


def explain(grade: Grade, language: Language, table: LevelTable | None = None) -> list[str]:
    """The evidence, a line per criterion the level asks for or that shows anything, then a sentence
    on what is missing to the next level. table: the one it was judged by; None is the shipped."""
    table = table or load_levels()
    words = table.words_in(language)
    lines = [
        _line(measure, grade, language, table)
        for measure in grade.measures
        if _is_worth_a_line(measure, grade.level)
    ]
    if not grade.holds:
        lines.append(words.rests)
    return [*lines, *filter(None, [outlook(grade, language, table)])]


def in_short(grade: Grade, language: Language, table: LevelTable) -> str:
    """The first line of the evidence; on level 0 there may be none, and its name stands for it."""
    lines = explain(grade, language, table)
    return lines[0] if lines else texts(language).levels[grade.level].name


class Because(NamedTuple):
    """Why an incident has its level, in both languages. holds: a sentence per criterion that does;
    almost: what is missing to the next."""

    holds: tuple[Words, ...]
    almost: Words | None


def because(level: int, measures: tuple[Measured, ...], levels: Levels) -> Because | None:
    """From what was written down when the level was measured; None where it was not."""
    if not measures:
        return None
    grade, table = levels.graded(level, measures), levels.table
    holds = [
        Words(_line(measure, grade, "de", table), _line(measure, grade, "en", table))
        for measure in measures
        if measure.holds and _is_worth_a_line(measure, level)
    ]
    almost = Words(outlook(grade, "de", table), outlook(grade, "en", table))
    return Because(tuple(holds), almost if almost.de else None)


def outlook(grade: Grade, language: Language, table: LevelTable | None = None) -> str:
    """What is missing to the next level, as one sentence; empty on the top level, and where
    nothing is missing: then it is a matter of the next minute."""
    table = table or load_levels()
    words, missing = table.words_in(language), grade.missing
    if missing is None or not missing.steps:
        return ""
    level = grade.level + 1
    name = texts(language).levels[level].name
    demands = [_demand(grade.measured(each), language, table) for each in missing.all]
    choice = _joined([_demand(grade.measured(c), language, table) for c in missing.some], words.or_)
    if missing.count > 1:
        demands.append(words.several.format(count=missing.count, missing=choice))
    elif choice:
        demands.append(choice)
    sentence = words.further
    if missing.steps == 1 and _is_near(grade, missing):
        sentence = words.almost_some if len(missing.some) > 1 else words.almost
    return sentence.format(level=level, level_name=name, missing=words.also.join(demands))


def _is_near(grade: Grade, missing: Lacking) -> bool:
    """Two thirds of something that is missing are there, or all but one voice, platform or hour."""
    return any(
        each.next is not None
        and (
            each.value * 3 >= each.next * 2
            or (each.name not in SHARES and each.value > 0 and each.next - each.value <= 1)
        )
        for each in map(grade.measured, (*missing.all, *missing.some))
    )


def _is_worth_a_line(measure: Measured, level: int) -> bool:
    """What the level asks for, and from level 2 on shares that are there all the same."""
    if measure.needed is not None:
        return True
    return measure.name in SHARES and measure.value >= 0.005 and level > 1


def _line(measure: Measured, grade: Grade, language: Language, table: LevelTable) -> str:
    words = table.words_in(language)
    if measure.name == "growth" and measure.holds and measure.value == _voices(grade):
        return words.new + "."
    what = _capital(_says(measure.name, measure.value, language, table))
    if measure.needed is None:
        return what + "."
    sentence = words.reached if measure.holds else words.short
    needed = _number(measure.name, measure.needed, language, table)
    return sentence.format(what=what, level=grade.level, needed=needed) + "."


def _voices(grade: Grade) -> float:
    """Where growth is as many, there was a voice an hour before at the most."""
    return grade.measured("voices").value


def _demand(measure: Measured, language: Language, table: LevelTable) -> str:
    """What the next level asks for, and what there is of it."""
    needed = measure.next if measure.next is not None else 0.0
    return table.words_in(language).now.format(
        what=_says(measure.name, needed, language, table),
        value=_number(measure.name, measure.value, language, table),
    )


def _says(criterion: str, value: float, language: Language, table: LevelTable) -> str:
    says = table.criteria.of(criterion).says_in(language)
    if says.one is not None and value == 1:
        return says.one
    return says.many.format(value=_number(criterion, value, language, table))


def _number(criterion: str, value: float, language: Language, table: LevelTable) -> str:
    """As people write it: shares in percent, growth with one place. Rounded down, so that nothing
    looks reached that is not."""
    words = table.words_in(language)
    if criterion in SHARES:
        return words.percent.format(value=floor(value * 100 + 1e-9))
    if criterion == "growth" and value < 10:
        tenths = floor(value * 10 + 1e-9)
        return f"{tenths // 10}{words.decimal}{tenths % 10}" if tenths % 10 else str(tenths // 10)
    return texts(language).number(floor(value))


def _joined(parts: Sequence[str], last: str) -> str:
    return last.join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
