"""Many realistic mentions for benchmarks: the same for the same seed, and faster than anything
that reads them.

    for line in lines(100_000, seed=7): …          NDJSON for `POST /v1/mentions`

Texts are put together from the sentences in `load.yaml`; each carries numbers, so that hardly any
two are alike. On average they are 200 characters long.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, product
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
from ruamel.yaml import YAML

from libs.common.events import Label

Language: TypeAlias = Literal["de", "en"]
About: TypeAlias = Literal["hit", "miss"]

EPOCH: Final = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
_ORDINARY: Final[Mapping[Label, float]] = MappingProxyType(
    {"complaint": 0.3, "question": 0.25, "praise": 0.25, "other": 0.19, "crisis_candidate": 0.01}
)


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of what is generated.

    german: the rest is English. hits: about the demo company, the rest about others. moods: any
    positive weights.
    """

    german: float = 0.6
    hits: float = 0.5
    moods: Mapping[Label, float] = field(default_factory=lambda: _ORDINARY)


class _Sentences(msgspec.Struct, frozen=True):
    first: tuple[str, ...]
    middle: tuple[str, ...]
    last: tuple[str, ...]


class _Phrases(msgspec.Struct, frozen=True):
    subjects: dict[About, tuple[str, ...]]
    de: dict[Label, _Sentences]
    en: dict[Label, _Sentences]


def generate(
    count: int,
    seed: int = 0,
    *,
    mix: Mix | None = None,
    start: datetime = EPOCH,
    per_second: float = 1000.0,
) -> Iterator[dict[str, object]]:
    """So many posts as the push API takes them, published from `start` on at an even pace.

    Ids are unique for a seed and differ between seeds.
    """
    mix = mix or Mix()
    choice = random.Random(seed)
    templates, bounds = _templates(), _bounds(mix)
    pace = 1.0 / per_second
    for number in range(count):
        index = bisect_right(bounds, choice.random())
        language, _, mood = _KINDS[index]
        of_kind = templates[index]
        text = of_kind[int(choice.random() * len(of_kind))]
        draw = choice.getrandbits(30)
        post: dict[str, object] = {
            "platform": "load",
            "native_id": f"{seed}-{number}",
            "kind": "review" if mood in _RATED and draw % 3 == 0 else "post",
            "url": f"https://load.example/{seed}/{number}",
            "text": text.replace("{n}", str(11 + draw % 979)),
            "lang": language,
            "author": {"handle": f"user{draw % 50021}"},
            "published_at": (start + timedelta(seconds=number * pace)).isoformat(),
        }
        if post["kind"] == "review":
            post["rating"] = {"value": _RATED[mood], "best": 5}
        yield post


def lines(
    count: int,
    seed: int = 0,
    *,
    mix: Mix | None = None,
    start: datetime = EPOCH,
    per_second: float = 1000.0,
) -> Iterator[bytes]:
    """As `generate`, each post as one line of NDJSON with its line feed."""
    encode = msgspec.json.Encoder().encode
    for post in generate(count, seed, mix=mix, start=start, per_second=per_second):
        yield encode(post) + b"\n"


_MOODS: Final[tuple[Label, ...]] = (
    "complaint",
    "question",
    "praise",
    "other",
    "crisis_candidate",
)
_LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")
_ABOUT: Final[tuple[About, ...]] = ("hit", "miss")
_KINDS: Final = tuple(product(_LANGUAGES, _ABOUT, _MOODS))
_RATED: Final[Mapping[Label, int]] = MappingProxyType(
    {"complaint": 2, "praise": 5, "crisis_candidate": 1}
)


def _bounds(mix: Mix) -> list[float]:
    """Upper bounds, in the order of `_KINDS`, that cut 0 to 1 into the shares of the mix."""
    languages = {"de": mix.german, "en": 1.0 - mix.german}
    abouts = {"hit": mix.hits, "miss": 1.0 - mix.hits}
    total = sum(mix.moods.values())
    shares = [
        languages[language] * abouts[about] * mix.moods.get(mood, 0.0) / total
        for language, about, mood in _KINDS
    ]
    return list(accumulate(shares))[:-1]


@cache
def _templates() -> list[list[str]]:
    """All texts of each of `_KINDS`, with `{n}` where a number goes."""
    path = Path(__file__).with_name("load.yaml")
    phrases = msgspec.convert(YAML(typ="safe").load(path), _Phrases)
    sentences = {"de": phrases.de, "en": phrases.en}
    return [
        _texts(phrases.subjects[about], sentences[language][mood])
        for language, about, mood in _KINDS
    ]


def _texts(subjects: tuple[str, ...], of: _Sentences) -> list[str]:
    texts = []
    for subject, first, index, last in product(subjects, of.first, range(len(of.middle)), of.last):
        opening = first.replace("{it}", subject)
        middle = f"{of.middle[index]} {of.middle[index - 1]}"
        texts.append(f"{opening} {middle} {last}")
    return texts
