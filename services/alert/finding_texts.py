"""What a detector found, as a sentence for people: the measured numbers in the words of
`texts/findings.de.yaml` and `texts/findings.en.yaml`, checked when they are read."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from libs.common.settings import Language, Strict, load
from services.alert.detector import DetectorName
from services.alert.texts import FOLDER, texts

HOUR_MINUTES: Final = 60.0
DAY_HOURS: Final = 24.0
LONG_MINUTES: Final = 120.0
LONG_HOURS: Final = 48.0
"""From here on the larger unit is spoken of."""


class Counted(Strict):
    """A number with its noun; {count} stands for the number."""

    one: str
    many: Annotated[str, Field(pattern=r"\{count\}")]


class Sentence(Strict):
    """numbers: with what was measured filled in. plain: where that is not known, as of a finding
    that an older version made."""

    numbers: str
    plain: Annotated[str, Field(pattern=r"^[^{}]+$")]


class Sentences(Strict):
    """By detector."""

    burst: Sentence
    burst_critical: Sentence
    tone: Sentence
    danger: Sentence
    big_voice: Sentence
    spread: Sentence
    campaign: Sentence
    worry: Sentence


def _known_placeholders(sentences: Sentences) -> Sentences:
    """Refuses a sentence with a placeholder that nobody will fill in."""
    for detector in Sentences.model_fields:
        sentence: Sentence = getattr(sentences, detector)
        for _, name, _, _ in string.Formatter().parse(sentence.numbers):
            if name is not None and name not in _SPOKEN[detector]:
                known = ", ".join(f"{{{each}}}" for each in _SPOKEN[detector])
                raise ValueError(
                    f"{detector}: unknown placeholder {{{name}}}; expected {known or 'none'}"
                )
    return sentences


class FindingTexts(Strict):
    """All words about findings in one language.

    decimal: the mark before decimals; next_to_nothing: in place of a number below 0.1; percent:
    {number}.
    """

    decimal: str
    next_to_nothing: str
    percent: Annotated[str, Field(pattern=r"\{number\}")]
    minutes: Counted
    hours: Counted
    days: Counted
    places: Counted
    no_press: str
    press: Counted
    accounts: Counted
    sentences: Annotated[Sentences, AfterValidator(_known_placeholders)]


class _Speaker:
    """Says numbers in one language."""

    def __init__(self, language: Language) -> None:
        self._words = finding_texts(language)
        self._whole = texts(language).number

    def number(self, value: float) -> str:
        """One decimal below ten, unless it is nought."""
        if value < 0.05:
            return self._words.next_to_nothing
        rounded = round(value, 1)
        if rounded >= 10.0 or rounded == int(rounded):
            return self._whole(round(value))
        return f"{rounded:.1f}".replace(".", self._words.decimal)

    def whole(self, value: float) -> str:
        return self._whole(round(value))

    def about(self, value: float) -> str:
        """Two digits: more would pretend to be known."""
        return self._whole(int(float(f"{value:.1e}")))

    def percent(self, value: float) -> str:
        return self._words.percent.format(number=round(100.0 * value))

    def hundredths(self, value: float) -> str:
        return str(round(100.0 * value))

    def minutes(self, value: float) -> str:
        if value >= LONG_MINUTES:
            return self.hours(value / HOUR_MINUTES)
        return self._counted(self._words.minutes, max(1.0, value))

    def hours(self, value: float) -> str:
        if value >= LONG_HOURS:
            return self._counted(self._words.days, value / DAY_HOURS)
        if value < 1.0:
            return self._counted(self._words.minutes, max(1.0, value * HOUR_MINUTES))
        return self._counted(self._words.hours, value)

    def places(self, value: float) -> str:
        return self._counted(self._words.places, value)

    def press(self, value: float) -> str:
        if value < 0.5:
            return self._words.no_press
        return self._counted(self._words.press, value)

    def accounts(self, value: float) -> str:
        return self._counted(self._words.accounts, value)

    def _counted(self, words: Counted, value: float) -> str:
        count = round(value)
        return words.one if count == 1 else words.many.format(count=self._whole(count))


_Say: TypeAlias = Callable[[_Speaker, float], str]
_BURST: Final[dict[str, _Say]] = {
    "count": _Speaker.whole,
    "expected": _Speaker.number,
    "minutes": _Speaker.minutes,
}
_SPOKEN: Final[dict[str, dict[str, _Say]]] = {
    "burst": _BURST,
    "burst_critical": _BURST,
    "tone": {
        "critical": _Speaker.whole,
        "voices": _Speaker.whole,
        "share": _Speaker.percent,
        "usual_share": _Speaker.percent,
    },
    "danger": {"severity": _Speaker.hundredths, "needed": _Speaker.hundredths},
    "big_voice": {
        "reach": _Speaker.whole,
        "usual": _Speaker.about,
        "ratio": _Speaker.about,
    },
    "spread": {
        "places": _Speaker.places,
        "press": _Speaker.press,
        "hours": _Speaker.hours,
    },
    "campaign": {
        "copies": _Speaker.whole,
        "authors": _Speaker.accounts,
        "hours": _Speaker.hours,
    },
    "worry": {},
}


def sentence(detector: DetectorName, numbers: Mapping[str, float], language: Language) -> str:
    """What was found, as one sentence with its full stop. A burst whose numbers say `critical` 1
    is one of critical mentions."""
    name: str = detector
    if detector == "burst" and numbers.get("critical"):
        name = "burst_critical"
    words: Sentence = getattr(finding_texts(language).sentences, name)
    spoken = _SPOKEN[name]
    if not numbers.keys() >= spoken.keys():
        return words.plain
    speaker = _Speaker(language)
    return words.numbers.format(**{key: say(speaker, numbers[key]) for key, say in spoken.items()})


@cache
def finding_texts(language: Language) -> FindingTexts:
    """The words of that language. Raises ConfigurationError when the file was edited wrongly."""
    return load(FOLDER / f"findings.{language}.yaml", FindingTexts, {})
