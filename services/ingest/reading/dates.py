"""Dates as feeds write them, not as the specifications want them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner jaenner janvier",
            "feb february februar feber février",
            "mar march mär märz mrz maerz mars",
            "apr april avr avril",
            "may mai",
            "jun june juni juin",
            "jul july juli juillet",
            "aug august août",
            "sep sept september septembre",
            "oct october okt oktober octobre",
            "nov november novembre",
            "dec december dez dezember déc décembre",
        ),
        start=1,
    )
    for name in names.split()
}
_ZONES: Final = {  # hours east of Greenwich
    **dict.fromkeys(("z", "ut", "utc", "gmt", "wet", "wez"), 0),
    **dict.fromkeys(("cet", "mez", "met", "bst", "west", "wesz"), 1),
    **dict.fromkeys(("cest", "mesz", "mest", "eet", "oez", "sast"), 2),
    **dict.fromkeys(("eest", "oesz", "msk"), 3),
    **dict.fromkeys(("jst", "kst"), 9),
    **dict.fromkeys(("edt",), -4),
    **dict.fromkeys(("est", "cdt"), -5),
    **dict.fromkeys(("cst", "mdt"), -6),
    **dict.fromkeys(("mst", "pdt"), -7),
    **dict.fromkeys(("pst",), -8),
}
_TIME: Final = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?\b)?(?:\s*(?:uhr|h)\b)?"
)
_ZONE: Final = r"(?P<zone>[+-]\d{2}:?\d{2}|[+-]\d{2}|[a-z]{1,5})?"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        # 2026-09-18T10:00:00+02:00 and every shorter form of ISO 8601
        rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})(?:-(?P<day>\d{{1,2}})(?:[t\s]+{_TIME}\s*{_ZONE})?)?",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        r"(?:t?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?\s*(?P<zone>z|[+-]\d{4})?)?",
        # Fri, 18 Sep 2026 10:00:00 GMT; Fr., 18. September 2026, 10:00 Uhr MESZ
        rf"(?P<day>\d{{1,2}})\.?(?:\s+|-)(?P<name>[^\W\d_]+)\.?(?:\s+|-)(?P<year>\d{{4}}|\d{{2}})"
        rf"(?:,?\s+(?:um\s+|at\s+)?{_TIME}\s*{_ZONE})?",
        # September 18, 2026 10:00 AM
        rf"(?P<name>[^\W\d_]+)\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"
        rf"(?:,?\s+(?:at\s+)?{_TIME}\s*{_ZONE})?",
        # Fri Sep 18 10:00:00 UTC 2026
        rf"(?P<name>[^\W\d_]+)\s+(?P<day>\d{{1,2}})\s+{_TIME}\s*{_ZONE}\s+(?P<year>\d{{4}})",
        # 18.09.2026, 10:00
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}|\d{{2}})"
        rf"(?:,?\s+(?:um\s+)?{_TIME}\s*{_ZONE})?",
    )
)
_SHORT_MONTHS: Final = {
    name: f"{number:02}"
    for number, name in enumerate(
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),  # noqa: SIM905 -- readable
        start=1,
    )
}
_FIRST_WORD: Final = re.compile(r"^[^\W\d_]+\.?\s*,?\s+")  # a weekday, in any language
_ZONE_IN_WORDS: Final = re.compile(r"\s*\([^)]*\)$")
_EPOCH_DIGITS: Final = re.compile(r"\d{9,10}(?:\d{3})?(?:\.\d+)?")
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LONGEST: Final = 80


def parse_date(text: str | None) -> datetime | None:
    """The time a feed means, in UTC; None when it cannot be told.

    Understands ISO 8601, RFC 822 and their common misspellings, English, German and French month
    names, `18.09.2026`, and seconds or milliseconds since 1970. A time without a zone, or with one
    that is not known, is taken as UTC. Times before 1990 are placeholders, hence None.
    """
    if not text or len(text) > _LONGEST:
        return None
    usual = _usual(text.strip())
    if usual is not None:
        return _sane(usual)
    wanted = _ZONE_IN_WORDS.sub("", text.strip().lower())
    if _EPOCH_DIGITS.fullmatch(wanted):
        return _sane(_since_epoch(float(wanted)))
    for candidate in (wanted, _FIRST_WORD.sub("", wanted)):
        for form in _FORMS:
            if found := form.fullmatch(candidate):
                return _sane(_read(found.groupdict()))
    return None


def _usual(text: str) -> datetime | None:
    """The time in one of the two forms that nearly all feeds use, `Fri, 18 Sep 2026 10:00:00 +0200`
    and `2026-09-18T10:00:00+02:00`; None for any other."""
    month = _SHORT_MONTHS.get(text[8:11])
    if month is not None:
        zone = text[26:].replace("GMT", "Z")
        text = f"{text[12:16]}-{month}-{text[5:7]}T{text[17:25]}{zone}"
    elif text[4:5] != "-":
        return None
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is UTC else found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _since_epoch(number: float) -> datetime:
    return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)


def _read(parts: dict[str, str | None]) -> datetime | None:
    month = _MONTHS.get(parts["name"] or "") if "name" in parts else _number(parts["month"], 1)
    if month is None:
        return None
    hour = _number(parts.get("hour"), 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = (parts.get("fraction") or "")[:6].ljust(6, "0")
    try:
        local = datetime(
            _year(parts["year"] or ""),
            month,
            _number(parts["day"], 1),
            0 if hour == 24 else hour,
            _number(parts.get("minute"), 0),
            min(_number(parts.get("second"), 0), 59),  # a leap second
            int(fraction),
            tzinfo=_zone(parts.get("zone")),
        )
        return (local + timedelta(days=1 if hour == 24 else 0)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None, missing: int) -> int:
    return missing if text is None else int(text)


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)


def _zone(text: str | None) -> timezone:
    if not text:
        return UTC
    if text[0] in "+-":
        digits = text[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-offset if text[0] == "-" else offset)
    return timezone(timedelta(hours=_ZONES.get(text, 0)))


def _sane(found: datetime | None) -> datetime | None:
    return found if found is not None and found >= _EARLIEST else None
