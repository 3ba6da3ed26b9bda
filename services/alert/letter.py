"""A page as a letter: the alarm in one language, ready to be laid out as plain text or HTML."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from libs.common.events import URGENT
from libs.common.settings import Language
from services.alert.page import Alarm, Quote
from services.alert.signal import HINT, OPERATIONS
from services.alert.texts import Texts, texts

QUOTED_LETTERS: Final = 600
API: Final = "api"
"""Place of a post that was handed in without saying where it was said."""


class Section(NamedTuple):
    """A heading with its lines; `numbered` lines are steps in order."""

    heading: str
    lines: tuple[str, ...]
    numbered: bool = False


class Letter(NamedTuple):
    """subject: the same for all letters about one incident, so that they form one thread.
    lead: the first lines; what a phone shows before the letter is opened."""

    subject: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    link: str
    url: str


def write(alarm: Alarm, language: Language, zone: ZoneInfo) -> Letter:
    """The alarm in that language, with times as the clocks show them in that zone."""
    words = texts(language)
    title = alarm.title.in_language(language)
    sections = [_about(alarm, title, language, words, zone)]
    if alarm.cause in URGENT:
        if alarm.quote is not None and alarm.quote.report is None:
            sections.append(_quote(alarm.quote, alarm, words, zone))
        sections.append(_steps(alarm, language, words, zone))
        sections.append(_dont(alarm, language, words))
    elif alarm.resolution:
        sections.append(Section(words.headings.resolution, (alarm.resolution,)))
    return Letter(
        subject=words.subject.format(watch=alarm.watch_name, title=title),
        lead=_lead(alarm, words, zone),
        sections=tuple(section for section in sections if section.lines),
        link=words.link if alarm.cause in URGENT else words.link_news,
        url=alarm.url,
    )


def as_plain(letter: Letter) -> str:
    """For reading without markup: headings on their own line, a blank line between sections."""
    blocks = ["\n".join(letter.lead)]
    for section in letter.sections:
        lines = section.lines
        if section.numbered:
            lines = tuple(f"{number}. {line}" for number, line in enumerate(lines, 1))
        blocks.append("\n".join((section.heading.upper(), *lines)))
    blocks.append(f"{letter.link}:\n{letter.url}")
    return "\n\n".join(blocks) + "\n"


def as_html(letter: Letter, language: Language) -> str:
    """For mail programs: one column, large type, the link as a button; no images, no scripts."""
    first, *rest = letter.lead
    parts = [f'<p style="font-size:19px;font-weight:bold;margin:0 0 8px">{escape(first)}</p>']
    parts += [f'<p style="margin:0 0 8px">{escape(line)}</p>' for line in rest]
    parts.append(
        '<p style="margin:16px 0"><a style="display:inline-block;padding:12px 20px;'
        "background:#b3261e;color:#ffffff;text-decoration:none;border-radius:6px;"
        f'font-weight:bold" href="{escape(letter.url)}">{escape(letter.link)}</a></p>'
    )
    parts += [_section_html(section) for section in letter.sections]
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(letter.subject)}</title></head>"
        '<body style="font:16px/1.5 system-ui,sans-serif;color:#1c1b1f;max-width:36em;'
        f'margin:0 auto;padding:16px">{"".join(parts)}</body></html>'
    )


def _section_html(section: Section) -> str:
    heading = f'<h2 style="font-size:15px;margin:20px 0 4px">{escape(section.heading)}</h2>'
    if section.numbered:
        items = "".join(f"<li>{escape(line)}</li>" for line in section.lines)
        return f'{heading}<ol style="margin:0;padding-left:1.4em">{items}</ol>'
    return heading + "".join(
        f'<p style="margin:0 0 4px">{_linked(line)}</p>' for line in section.lines
    )


def _linked(line: str) -> str:
    if line.startswith(("https://", "http://")):
        return f'<a href="{escape(line)}">{escape(line)}</a>'
    return escape(line).replace("\n", "<br>")


def _lead(alarm: Alarm, words: Texts, zone: ZoneInfo) -> tuple[str, ...]:
    if alarm.cause in URGENT and alarm.quote is not None and alarm.quote.report is not None:
        matter = words.source.matter(alarm.quote.report.health, alarm.quote.source)
        return (f"{matter}.", words.source.missing, _taken(alarm, words, zone))
    level = words.levels[alarm.level]
    cause = "hint" if alarm.cause == "opened" and _is_hint(alarm) else alarm.cause
    sentence = getattr(words.lead, cause).format(
        level=alarm.level, level_name=level.name, level_meaning=level.meaning, by=alarm.by
    )
    if alarm.cause not in URGENT:
        return (sentence,)
    return (sentence, _taken(alarm, words, zone))


def _taken(alarm: Alarm, words: Texts, zone: ZoneInfo) -> str:
    if alarm.acknowledged_by is not None and alarm.acknowledged_at is not None:
        at = _when(alarm.acknowledged_at, alarm.at, words, zone)
        return words.taken_by.format(by=alarm.acknowledged_by, at=at)
    if alarm.assigned_to is not None:
        return f"{words.taken_by_nobody} {words.assigned_to.format(to=alarm.assigned_to)}"
    return words.taken_by_nobody


def _about(alarm: Alarm, title: str, language: Language, words: Texts, zone: ZoneInfo) -> Section:
    since = words.since.format(at=words.time_at(alarm.since, zone))
    headline = alarm.headline.in_language(language) if alarm.headline else None
    lines = [headline or f"{alarm.watch_name}: {title}", since]
    if alarm.watch == OPERATIONS:
        if alarm.quote is not None and alarm.quote.text is not None:
            lines.append(words.source.reason.format(reason=shortened(alarm.quote.text, 300)))
        return Section(words.headings.about, tuple(lines))
    places = [source for source in alarm.sources if source not in (HINT, API)]
    if places:
        lines.append(words.where.format(places=", ".join(places)))
    if API in alarm.sources:
        lines.append(words.where_api)
    lines.append(_voices(alarm, words))
    lines += (line.in_language(language) for line in alarm.because)
    return Section(words.headings.about, tuple(lines))


def _voices(alarm: Alarm, words: Texts) -> str:
    if alarm.mentions == 1:
        return words.voices.one
    if alarm.voices == 1:
        return words.voices.one_voice.format(mentions=words.number(alarm.mentions))
    return words.voices.many.format(
        mentions=words.number(alarm.mentions), voices=words.number(alarm.voices)
    )


def _quote(quote: Quote, alarm: Alarm, words: Texts, zone: ZoneInfo) -> Section:
    text = shortened(quote.text, QUOTED_LETTERS) if quote.text is not None else None
    lines = [
        words.quoted.format(text=text) if text is not None else words.deleted,
        _said(quote, words, zone),
    ]
    if quote.edited_at is not None and text is not None:
        lines.append(words.edited.format(at=words.time_at(quote.edited_at, zone)))
    if quote.url is not None:
        lines.append(quote.url)
    hint = _is_hint(alarm)
    if not hint:
        lines.append(_judged(quote, words))
    if quote.followers:
        lines.append(words.reach.format(followers=words.number(quote.followers)))
    heading = words.headings.hint if hint else words.headings.quote
    return Section(heading, tuple(lines))


def _is_hint(alarm: Alarm) -> bool:
    """Whether the page is about what a person reported: how that was recognised says little."""
    return alarm.cause == "hint" or (alarm.quote is not None and alarm.quote.source == HINT)


def _said(quote: Quote, words: Texts, zone: ZoneInfo) -> str:
    at = words.time_at(quote.published_at, zone)
    if quote.source == HINT:
        return words.said_by_hint.format(at=at)
    source = words.where_api if quote.source == API else quote.source
    return words.said.format(source=source, at=at)


def _judged(quote: Quote, words: Texts) -> str:
    sentence = words.judged.format(
        label=words.label(quote.label), severity=round(quote.severity * 100)
    )
    if not quote.words:
        return sentence
    listed = ", ".join(words.quoted.format(text=word) for word in quote.words)
    return f"{sentence} {words.because.format(words=listed)}"


def _steps(alarm: Alarm, language: Language, words: Texts, zone: ZoneInfo) -> Section:
    lines = tuple(
        words.step.format(
            text=step.text.in_language(language),
            owner=step.owner.in_language(language),
            at=_when(step.due_at, alarm.at, words, zone),
        )
        for step in alarm.steps
    )
    return Section(words.headings.steps, lines, numbered=True)


def _when(at: datetime, now: datetime, words: Texts, zone: ZoneInfo) -> str:
    same_day = at.astimezone(zone).date() == now.astimezone(zone).date()
    return words.clock_at(at, zone) if same_day else words.time_at(at, zone)


def _dont(alarm: Alarm, language: Language, words: Texts) -> Section:
    return Section(words.headings.dont, tuple(line.in_language(language) for line in alarm.dont))


def shortened(text: str, letters: int) -> str:
    """The text in one line, cut at a word and marked when it is longer than `letters`."""
    flat = " ".join(text.split())
    if len(flat) <= letters:
        return flat
    return flat[: letters - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
