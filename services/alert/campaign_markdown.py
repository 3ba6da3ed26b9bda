"""A campaign report as Markdown, in German or English; the words stand in `campaign/`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from libs.common.events import Rating
from libs.common.settings import Language, Strict, load
from services.alert.campaign_report import Evidence, Report, Row

FOLDER: Final = Path(__file__).parent / "campaign"
QUOTED_LETTERS: Final = 280
_PLACEHOLDERS: Final = (
    *("watch", "copies", "authors", "first", "last", "zone", "hours", "similarity", "repeats"),
    *("shared", "number", "name", "posts", "count", "of", "percent"),
)
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_BLANKS: Final = re.compile(r"\s+")


def _fillable(text: str) -> str:
    """Refuses a text with a placeholder that nobody will fill in."""
    try:
        text.format_map(dict.fromkeys(_PLACEHOLDERS, "0"))
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
        raise ValueError(f"unknown placeholder {error}; there are {known}") from error
    return text


Sentence: TypeAlias = Annotated[str, AfterValidator(_fillable)]


class Headings(Strict):
    signs: Sentence
    posts: Sentence
    todo: Sentence
    unknown: Sentence


class Measures(Strict):
    """One sentence for each measured sign."""

    everyman: Sentence
    thin: Sentence
    alike: Sentence
    odd_hours: Sentence
    close: Sentence
    extreme: Sentence
    brief: Sentence
    verbatim: Sentence

    def sentence(self, measure: str) -> str:
        words: str = getattr(self, measure)
        return words


class CampaignTexts(Strict):
    """All words of one language."""

    title: Sentence
    summary: Sentence
    span: Sentence
    repeats: Sentence
    shared: Sentence
    caution: Sentence
    headings: Headings
    representative: Sentence
    holds: Sentence
    unremarkable: Sentence
    too_few: Sentence
    which: Sentence
    measures: Measures
    columns: Annotated[tuple[Sentence, ...], Field(min_length=8, max_length=8)]
    author_unknown: Sentence
    author_numbered: Sentence
    author_named: Sentence
    repeated: Sentence
    passed_on: Sentence
    decimal: Sentence
    todo: Annotated[tuple[Sentence, ...], Field(min_length=1)]
    unknown: Annotated[tuple[Sentence, ...], Field(min_length=1)]


@cache
def campaign_texts(language: Language) -> CampaignTexts:
    """The words of that language. Raises ConfigurationError when the file was edited wrongly."""
    return load(FOLDER / f"{language}.yaml", CampaignTexts, {})


def as_markdown(report: Report, language: Language) -> str:
    """The report for people: summary, signs with their numbers, all posts, what to do."""
    words = campaign_texts(language)
    blocks = [
        f"# {words.title.format(watch=_plain(report.watch))}",
        "\n".join(_summary(report, words)),
        f"## {words.headings.signs}",
        words.caution,
        "\n".join(_sign(one, report, words) for one in report.evidence),
        f"## {words.headings.posts}",
        words.representative.format(number=report.representative),
        _table(report, words),
        f"## {words.headings.todo}",
        "\n".join(f"{number}. {step}" for number, step in enumerate(words.todo, 1)),
        f"## {words.headings.unknown}",
        "\n".join(f"- {limit}" for limit in words.unknown),
    ]
    return "\n\n".join(blocks) + "\n"


def _summary(report: Report, words: CampaignTexts) -> Iterator[str]:
    numbers = report.numbers
    zone = ZoneInfo(report.zone)
    yield words.summary.format(
        copies=f"{numbers['copies']:.0f}",
        authors=f"{numbers['authors']:.0f}",
        first=_time(report.first, zone),
        last=_time(report.last, zone),
        zone=report.zone,
    )
    yield words.span.format(
        hours=f"{numbers['hours']:.1f}".replace(".", words.decimal),
        similarity=_percent(numbers["similarity"]),
    )
    if numbers["repeats"]:
        yield words.repeats.format(repeats=f"{numbers['repeats']:.0f}")
    if numbers["shared"]:
        yield words.shared.format(shared=f"{numbers['shared']:.0f}")


def _sign(evidence: Evidence, report: Report, words: CampaignTexts) -> str:
    verdict = words.unremarkable
    if not evidence.known:
        verdict = words.too_few
    elif evidence.holds:
        verdict = words.holds
    sentence = words.measures.sentence(evidence.measure).format(
        count=evidence.count,
        of=evidence.of,
        percent=_percent(evidence.share),
        number=report.representative,
    )
    which = words.which.format(posts=_runs(evidence.posts)) if evidence.posts else ""
    return f"- {verdict} {sentence} {which}".rstrip()


def _table(report: Report, words: CampaignTexts) -> str:
    zone = ZoneInfo(report.zone)
    lines = [words.columns, ("---",) * len(words.columns)]
    lines += [_cells(row, zone, words) for row in report.posts]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row, zone: ZoneInfo, words: CampaignTexts) -> tuple[str, ...]:
    marks = [words.repeated] * row.repeated + [words.passed_on] * row.shared
    return (
        str(row.number),
        _time(row.at, zone),
        _author(row, words) + (f" ({', '.join(marks)})" if marks else ""),
        _plain(row.platform),
        f"{_percent(row.similarity)} %",
        _stars(row.rating),
        _plain(row.text, QUOTED_LETTERS),
        _link(row.url),
    )


def _author(row: Row, words: CampaignTexts) -> str:
    """With the author's number: different people may have the same name."""
    if row.author_number is None:
        return words.author_unknown
    if row.author is None:
        return words.author_numbered.format(number=row.author_number)
    return words.author_named.format(number=row.author_number, name=_plain(row.author, 64))


def _stars(rating: Rating | None) -> str:
    if rating is None:
        return ""
    return _plain(rating.stated) if rating.stated else f"{rating.value:g}/{rating.best:g}"


def _link(url: str | None) -> str:
    """Only what is a web address without anything that would end the link or the cell."""
    if url is None or re.fullmatch(r"https?://[^\s<>|\\`]+", url) is None:
        return ""
    return f"<{url}>"


def _plain(text: str, letters: int = 120) -> str:
    """On one line, cut to so many characters, with nothing in it that Markdown would read."""
    text = _BLANKS.sub(" ", text[: 4 * letters]).strip()
    if len(text) > letters:
        text = text[: letters - 1].rstrip() + "…"
    return _MARKUP.sub(r"\\\1", text).encode("utf-8", "replace").decode()


def _runs(numbers: tuple[int, ...]) -> str:
    """`1–4, 7` for 1, 2, 3, 4, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def _time(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
