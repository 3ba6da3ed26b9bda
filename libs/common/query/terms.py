"""Reading one term: its words, its value, its number, its date."""

from __future__ import annotations

import difflib
import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar, get_args

from libs.common.events import LABELS, Kind
from libs.common.query import ast, wording
from libs.common.query.errors import Wording
from libs.common.query.fields import HAS, IS
from libs.common.query.fold import SIGNS
from libs.common.query.pattern import WILDCARD, Pattern, patterns, raw_patterns
from libs.common.query.reading import MAX_DISTANCE, as_written
from libs.common.query.subject import BEST_RATING

FIELDS: Final = (
    *get_args(ast.FieldName),
    *get_args(ast.NumberName),
    "title",
    "date",
    "raw",
)
_GERMAN_FIELDS: Final = {
    "art": "kind",
    "autor": "author",
    "autorin": "author",
    "bewertung": "rating",
    "datum": "date",
    "land": "country",
    "plattform": "platform",
    "quelle": "source",
    "reichweite": "reach",
    "schwere": "severity",
    "seite": "site",
    "sprache": "lang",
    "sterne": "rating",
    "titel": "title",
}
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "kind": get_args(Kind),
    "label": LABELS,
    "has": tuple(HAS),
    "is": tuple(IS),
}
_SHAPES: Final[dict[str, tuple[re.Pattern[str], Wording]]] = {
    "lang": (re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*"), wording.LANGUAGE),
    "country": (re.compile(r"[a-z]{2}"), wording.COUNTRY),
    "site": (re.compile(r"[\w*?.-]+"), wording.SITE),
}
_LOOKS_LIKE_FIELD: Final = re.compile(r"([^\W\d]+)(?::(?!//)|[<>]=?|[≥≤=])")
_OPERATOR: Final = re.compile(r"AND|and|OR|or|NOT|not|(?:O?NEAR|o?near)/\d+")
_LOOKS_LIKE_NEAR: Final = re.compile(r"O?NEAR(?:/.*)?|o?near/.*", re.DOTALL)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_COUNT: Final = re.compile(r"(\d+(?:[.,]\d+)?)([km]?)", re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d)(:\d\d)?([Zz]|[+-]\d\d:\d\d)?)?")
_OPERATORS: Final[dict[str, ast.Operator]] = {
    ">=": ">=",
    "≥": ">=",
    "<=": "<=",
    "≤": "<=",
    ">": ">",
    "<": "<",
    "=": "=",
    ":": "=",
}
_NUMBER_NAMES: Final[dict[str, ast.NumberName]] = {name: name for name in get_args(ast.NumberName)}
_FIELD_NAMES: Final[dict[str, ast.FieldName]] = {name: name for name in get_args(ast.FieldName)}
_SCALES: Final = {"severity": (1, "0.7"), "rating": (int(BEST_RATING), "2")}
"""The largest value and an example."""
MAX_PHRASE: Final = 30
"""Words side by side; looking for more in a long post would hold up everything else."""
_MOST_PEOPLE: Final = 1e11
_MOST_DIGITS: Final = 9
_FACTORS: Final = {"": 1, "k": 1_000, "m": 1_000_000}
_UNESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


TermT = TypeVar("TermT", ast.Word, ast.Phrase)


class Wrong(Exception):
    """A term that cannot be read; the parser adds where it stands."""

    def __init__(self, what: Wording, expected: Wording) -> None:
        super().__init__(what.en)
        self.what = what
        self.expected = expected


def unquoted(phrase: str) -> str:
    """The text of a phrase; `\\"` and `\\\\` stand for themselves within straight quotes."""
    text = phrase[1:-1]
    return _UNESCAPED.sub(r"\1", text) if phrase.startswith('"') else text


def read_word(text: str) -> ast.Word:
    """A word outside quotes. Raises Wrong for what only looks like one."""
    if (field := _LOOKS_LIKE_FIELD.match(text)) is not None:
        raise _unknown_field(field.group(1), field.group())
    if _OPERATOR.fullmatch(text):
        raise Wrong(wording.UNEXPECTED.format(found=text), wording.TERM)
    if _LOOKS_LIKE_NEAR.fullmatch(text):
        raise Wrong(wording.BAD_NEAR.format(found=text), _near_number())
    return searchable(ast.Word(text))


def read_phrase(text: str) -> ast.Phrase:
    return searchable(ast.Phrase(text))


def searchable(term: TermT) -> TermT:
    """The term itself. Raises Wrong when there is nothing in it to search for."""
    wanted = patterns(term)
    if not wanted or any(not WILDCARD.sub("", each.text).strip(f"{SIGNS}_") for each in wanted):
        raise Wrong(wording.NOTHING_TO_FIND.format(found=term.text), wording.LETTERS)
    _limit_words(wanted)
    return term


def read_raw(text: str, *, quoted: bool) -> ast.Raw:
    """The operand of `raw:`. Raises Wrong for a wildcard outside quotes, and for nothing."""
    if not quoted and ("*" in text or "?" in text):
        raise Wrong(wording.WILD_RAW, wording.PLAIN_RAW.format(text=text))
    if not as_written(text):
        raise Wrong(wording.NO_VALUE.format(found="raw:"), wording.VALUE)
    raw = ast.Raw(text)
    _limit_words(raw_patterns(raw))
    return raw


def _limit_words(wanted: tuple[Pattern, ...]) -> None:
    if len(wanted) > MAX_PHRASE:
        raise Wrong(wording.LONG_PHRASE, wording.PHRASE_WORDS.format(most=MAX_PHRASE))


def read_field(name: ast.FieldName, value: str) -> ast.Field:
    """A condition on a property. Raises Wrong for a value the property cannot have."""
    value = value.strip()
    if not value:
        raise Wrong(wording.NO_VALUE.format(found=f"{name}:"), wording.VALUE)
    if name in _NAMES or name in {"lang", "country", "site"}:
        value = value.lower()
    names = _NAMES.get(name)
    if names is not None and value not in names:
        raise Wrong(_bad_value(name, value), expected_value(name))
    if name == "lang":
        value = value.replace("_", "-")
    shape = _SHAPES.get(name)
    if shape is not None and not shape[0].fullmatch(value):
        raise Wrong(_bad_value(name, value), shape[1])
    return ast.Field(name, value)


def field_name(written: str) -> ast.FieldName:
    """The field of a token such as `Site:`."""
    return _FIELD_NAMES[written.rstrip(":").lower()]


def expected_value(written: str) -> Wording:
    """What belongs after a token such as `reach>=` or `author:`."""
    name = "".join(filter(str.isalpha, written)).lower()
    if name in _SCALES:
        most, example = _SCALES[name]
        return wording.NUMBER.format(least=0, most=most, example=example)
    names = _NAMES.get(name)
    if names is not None:
        return wording.ONE_OF.format(names=", ".join(names))
    if name in _SHAPES:
        return _SHAPES[name][1]
    return {"reach": wording.REACH, "date": wording.DATE}.get(name, wording.VALUE)


def read_comparison(written: str, value: str) -> ast.Compare | ast.Published:
    """A number or date with its operator, as in `reach>=` and `50k`. Raises Wrong."""
    name = "".join(filter(str.isalpha, written)).lower()
    sign = written[len(name) :].strip()
    operator = _OPERATORS[sign]
    if name == "date":
        return _read_date(operator, value.strip())
    number = _read_count(value) if name == "reach" else _read_number(name, value)
    return ast.Compare(_NUMBER_NAMES[name], operator, number)


def read_distance(written: str) -> tuple[int, bool]:
    """The n of NEAR/n and whether the order counts. Raises Wrong."""
    operator, _, digits = written.partition("/")
    distance = int(digits) if len(digits) <= _MOST_DIGITS else 0
    if not 1 <= distance <= MAX_DISTANCE:
        raise Wrong(wording.FAR_NEAR.format(found=written), _near_number())
    return distance, operator.upper() == "ONEAR"


def _near_number() -> Wording:
    return wording.NEAR_NUMBER.format(most=MAX_DISTANCE)


def _unknown_field(name: str, written: str) -> Wrong:
    known = name.lower()
    guess = known if known in FIELDS else _GERMAN_FIELDS.get(known)
    if guess is None:
        guess = next(iter(difflib.get_close_matches(known, FIELDS, n=1)), None)
    if guess is None:
        expected = wording.FIELDS.format(names=", ".join(f"{field}:" for field in FIELDS))
    else:
        expected = wording.DID_YOU_MEAN.format(name=f"{guess}:")
    return Wrong(wording.UNKNOWN_FIELD.format(found=written), expected)


def _bad_value(name: str, value: str) -> Wording:
    return wording.BAD_VALUE.format(found=value, field=f"{name}:")


def _read_number(name: str, value: str) -> float:
    most, _ = _SCALES[name]
    number = float(value.replace(",", ".")) if _NUMBER.fullmatch(value) else -1.0
    if not 0 <= number <= most:
        raise Wrong(_bad_value(name, value), expected_value(name))
    return number


def _read_count(value: str) -> float:
    found = _COUNT.fullmatch(value)
    if _THOUSANDS.fullmatch(value):
        number = float(re.sub("[.,]", "", value))
    elif found is not None:
        number = float(found.group(1).replace(",", ".")) * _FACTORS[found.group(2).lower()]
    else:
        number = math.inf
    if not number <= _MOST_PEOPLE or not number.is_integer():
        raise Wrong(_bad_value("reach", value), wording.REACH)
    return number


def _read_date(operator: ast.Operator, value: str) -> ast.Published:
    first, dots, last = value.partition("..")
    try:
        if dots and operator == "=" and (first or last):
            start = _moment(first)[0] if first else None
            end = _after(last) if last else None
        else:
            start, end = _bounds(operator, *_moment(value))
    except (ValueError, OverflowError):
        raise Wrong(_bad_value("date", value), wording.DATE) from None
    if start is not None and end is not None and start >= end:
        raise Wrong(wording.BACKWARDS.format(found=value), wording.DATE)
    return ast.Published(start, end)


def _bounds(
    operator: ast.Operator, start: datetime, length: timedelta
) -> tuple[datetime | None, datetime | None]:
    """The half-open time that compares so with the day, minute or second from `start` on."""
    after = start + length
    match operator:
        case ">=":
            return start, None
        case ">":
            return after, None
        case "<":
            return None, start
        case "<=":
            return None, after
        case "=":
            return start, after


def _after(text: str) -> datetime:
    start, length = _moment(text)
    return start + length


def _moment(text: str) -> tuple[datetime, timedelta]:
    """The start and the length of what is written: a day, a minute or a second; UTC if unsaid."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, seconds, zone = found.groups()
    if clock is None:
        return datetime.combine(date.fromisoformat(day), time(), UTC), timedelta(days=1)
    length = timedelta(seconds=1) if seconds else timedelta(minutes=1)
    zone = "+00:00" if zone in {None, "Z", "z"} else zone
    written = datetime.fromisoformat(f"{day}T{clock}{seconds or ':00'}{zone}")
    return written.astimezone(UTC), length
