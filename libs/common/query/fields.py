"""The conditions on a post's properties, for example `site:` and `has:`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from libs.common.query import ast
from libs.common.query.pattern import WILDCARD, patterns, wildcard_regex
from libs.common.query.reading import Reading, spans, units_of
from libs.common.query.subject import classification, host, label, lang, rating, reach

Test: TypeAlias = Callable[[Reading], bool]

_REPLIES: Final = frozenset({"reply", "comment", "answer"})
_LINK: Final = re.compile(r"(?i)\bhttps?://|\bwww\.\w")


def _is_reply(reading: Reading) -> bool:
    return reading.subject.in_reply_to is not None or reading.subject.kind in _REPLIES


def _is_repost(reading: Reading) -> bool:
    return reading.subject.kind == "repost"


def _has_link(reading: Reading) -> bool:
    subject = reading.subject
    return any(_LINK.search(part) for part in (subject.title, subject.text) if part)


def _has_emoji(reading: Reading) -> bool:
    return any(not unit[-1].isalnum() and unit[0] not in "#@" for unit in reading.units)


def _has_sign(sign: str) -> Test:
    return lambda reading: any(unit[0] == sign for unit in reading.units)


HAS: Final[dict[str, Test]] = {
    "author": lambda reading: reading.subject.author is not None,
    "emoji": _has_emoji,
    "handle": _has_sign("@"),
    "hashtag": _has_sign("#"),
    "link": _has_link,
    "place": lambda reading: bool(reading.subject.place),
    "rating": lambda reading: rating(reading.subject) is not None,
    "reach": lambda reading: reach(reading.subject) is not None,
    "title": lambda reading: bool(reading.subject.title),
    "url": lambda reading: bool(reading.subject.url),
}
IS: Final[dict[str, Test]] = {
    "backfill": lambda reading: reading.subject.backfill,
    "classified": lambda reading: classification(reading.subject) is not None,
    "hint": lambda reading: reading.subject.kind == "hint",
    "original": lambda reading: not _is_reply(reading) and not _is_repost(reading),
    "reply": _is_reply,
    "repost": _is_repost,
}


def field_test(field: ast.Field) -> Test:
    """The condition as a function over a post."""
    if field.name == "has":
        return HAS[field.value]
    if field.name == "is":
        return IS[field.value]
    return _TESTS[field.name](field.value)


def _glob(value: str) -> Callable[[str], object]:
    """A test of a whole value without regard to case; `*` and `?` stand for any characters."""
    value = value.lower()
    if not WILDCARD.search(value):
        return value.__eq__
    return re.compile(wildcard_regex(value, "."), re.DOTALL).fullmatch


def _site(value: str) -> Test:
    name = wildcard_regex(value.lower().removeprefix("www."), ".")
    fits = re.compile(rf"(?:.*\.)?{name}").fullmatch

    def site(reading: Reading) -> bool:
        found = host(reading.subject)
        return found is not None and fits(found) is not None

    return site


def _url(value: str) -> Test:
    fits = _glob(f"*{value}*")
    return lambda reading: bool(reading.subject.url and fits(reading.subject.url.lower()))


def _source(value: str) -> Test:
    fits = _glob(value)
    return lambda reading: bool(fits(reading.subject.source.lower()))


def _platform(value: str) -> Test:
    fits = _glob(value)
    return lambda reading: bool(fits(reading.subject.platform.lower()))


def _kind(value: str) -> Test:
    return lambda reading: reading.subject.kind == value


def _label(value: str) -> Test:
    return lambda reading: label(reading.subject) == value


def _lang(value: str) -> Test:
    narrower = value + "-"

    def language(reading: Reading) -> bool:
        found = lang(reading.subject)
        return found is not None and (found == value or found.startswith(narrower))

    return language


def _country(value: str) -> Test:
    def country(reading: Reading) -> bool:
        place = reading.subject.place
        return place is not None and value in (part.strip().lower() for part in place.split(","))

    return country


def _author(value: str) -> Test:
    """The account's key or handle as a whole, or words of the name."""
    handle_fits = _glob(value.removeprefix("@"))
    wanted = patterns(ast.Word(value))

    def author(reading: Reading) -> bool:
        writer = reading.subject.author
        if writer is None:
            return False
        if getattr(writer, "key", None) == value:
            return True
        if writer.handle and handle_fits(writer.handle.lower().removeprefix("@")):
            return True
        return bool(writer.name and spans(wanted, units_of(writer.name)))

    return author


_TESTS: Final[dict[ast.FieldName, Callable[[str], Test]]] = {
    "site": _site,
    "url": _url,
    "source": _source,
    "platform": _platform,
    "author": _author,
    "lang": _lang,
    "country": _country,
    "kind": _kind,
    "label": _label,
}
