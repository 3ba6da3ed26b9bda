"""Near-duplicates across authors: what is found, what is joined wrongly, how fast, in how much.

The unrelated texts are those of the training corpus, one watch per industry and language, each
text by another author. The rewrites are made here: words are replaced by words of other texts,
dropped, doubled, mistyped; sentences change places; case, punctuation and emoji change. How similar
a rewrite is to its original is then measured exactly, and recall is told per similarity.
"""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from benchmarks import campaign_example
from benchmarks.table import table
from libs.common.events import Author, Classification, ClassifiedMention, Label, Rating, mention_id
from services.alert.detectors.campaign import Campaign
from services.alert.detectors.similarity import similarity, sketch

CORPUS: Final = Path("training/corpus")
ZONE: Final = ZoneInfo("Europe/Berlin")
BEGAN: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
SIMILARITIES: Final = (0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
BAND: Final = 0.02
ORIGINALS: Final = 1_200
BETWEEN: Final = 5
WAVES: Final = 200
WAVE: Final = 12
TEXTS: Final = 10_000
ROUNDS: Final = 5
TARGET: Final = 10_000
RELATED: Final = 0.7
"""A joined pair that is really so similar is no false join: people wrote it twice."""


def main() -> None:
    streams = {path.stem: _texts(path) for path in sorted(CORPUS.glob("*.jsonl"))}
    print(_recall_table(streams))
    print(_joins_table(streams))
    print(_waves_table(streams))
    print(_speed_table(streams))
    print(_worst_table(streams))
    campaign_example.main()


def _recall_table(streams: dict[str, list[str]]) -> str:
    """An original among other texts of its industry, then one rewrite, five other texts later."""
    rng = random.Random(11)
    found: dict[float, list[bool]] = {wanted: [] for wanted in SIMILARITIES}
    for texts in streams.values():
        enough = [text for text in texts if sketch(text)]
        words = [word for text in enough for word in text.split()]
        for original in rng.sample(enough, min(len(enough), ORIGINALS // len(streams) + 1)):
            for share in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25):
                rewrite = rewritten(original, share, words, rng)
                alike = similarity(original, rewrite)
                bands = [one for one in SIMILARITIES if abs(alike - one) <= BAND]
                if bands and sketch(rewrite):
                    between = rng.sample(enough, BETWEEN)
                    found[bands[0]].append(_joins(original, between, rewrite))
    rows = [
        [f"{wanted:.2f} ± {BAND}", len(hits), f"{sum(hits) / len(hits):.1%}"]
        for wanted, hits in found.items()
    ]
    return table("Rewrites found, by their similarity", ["similarity", "pairs", "found"], rows)


def _joins(original: str, between: Sequence[str], rewrite: str) -> bool:
    state = Campaign()
    copy = None
    for number, text in enumerate([original, *between, rewrite]):
        at = BEGAN + timedelta(minutes=number)
        copy = state.fold(a_post(number, text, at), at.timestamp(), ZONE)
    return copy is not None and copy.cluster is not None


def _joins_table(streams: dict[str, list[str]]) -> str:
    """Every corpus file as the stream of one watch, a text a minute, each by another author."""
    folded = joined = wrongly = findings = 0
    for texts in streams.values():
        state = Campaign()
        for number, text in enumerate(texts):
            at = BEGAN + timedelta(minutes=number)
            copy = state.fold(a_post(number, text, at), at.timestamp(), ZONE)
            folded += 1
            findings += copy.finding is not None
            if copy.cluster is not None:
                joined += 1
                closest = max(similarity(text, other) for other in texts[:number])
                wrongly += closest < RELATED
    rows = [
        ["texts folded", folded],
        ["joined", joined],
        [f"joined, though no earlier text is {RELATED} similar", wrongly],
        ["findings", findings],
    ]
    return table(f"Unrelated texts, {len(streams)} watches", ["what", "count"], rows)


def _waves_table(streams: dict[str, list[str]]) -> str:
    """Waves of twelve rewrites of one text, with twenty other posts between two of them:
    fake reviews; by ordinary accounts the same text by day, a headline, a competition entry."""
    kinds = ("fake reviews at night", "pasted by day", "shared by link", "competition by day")
    rows: list[list[object]] = []
    for kind in kinds:
        for share in (0.1, 0.2):
            rng = random.Random(5)
            told = []
            for _ in range(WAVES):
                texts = [text for text in streams[rng.choice(list(streams))] if sketch(text)]
                told.append(_told_at(kind, share, texts, rng))
            when = [copies for copies in told if copies is not None]
            at = f"{median(when):.0f}" if when else "never"
            found = f"{len(when) / len(told):.1%}"
            rows.append([kind, f"{share:.0%}", len(told), found, at])
    return table(
        f"Waves of {WAVE} rewrites of a text that is not among them",
        ["wave", "words changed in each", "simulated", "suspected", "at copy (median)"],
        rows,
    )


def _told_at(kind: str, share: float, texts: list[str], rng: random.Random) -> int | None:
    """With how many copies the wave was called suspicious."""
    state = Campaign()
    words = [word for text in texts for word in text.split()]
    original = rng.choice(texts)
    begin = BEGAN.replace(hour=0) if kind.endswith("night") else BEGAN
    number = 0
    for copy in range(WAVE):
        for text in rng.sample(texts, 20):
            number += 1
            at = begin + timedelta(minutes=number)
            state.fold(a_post(number, text, at), at.timestamp(), ZONE)
        number += 1
        at = begin + timedelta(minutes=number)
        post = _post_of_wave(kind, copy, rewritten(original, share, words, rng), at, rng)
        if state.fold(post, at.timestamp(), ZONE).finding is not None:
            return copy + 1
    return None


def _post_of_wave(
    kind: str, copy: int, text: str, at: datetime, rng: random.Random
) -> ClassifiedMention:
    post = a_post(1_000_000 + copy, text, at, label="complaint")
    if kind == "shared by link":
        return msgspec.structs.replace(post, text=f"{text[:110]} https://zeitung.example/1")
    if kind == "pasted by day":
        return post
    if kind == "competition by day":
        verdict = msgspec.structs.replace(post.classification, label="praise")
        return msgspec.structs.replace(post, classification=verdict)
    name = rng.choice(["Thomas M.", "Peter Müller", "Sabine", "Anonym", "Max Schmidt"])
    return msgspec.structs.replace(
        post,
        kind="review",
        rating=Rating(value=1, best=5),
        author=Author(key=f"fake{copy}", name=name, followers=rng.choice([0, 0, 1, 3])),
    )


def _speed_table(streams: dict[str, list[str]]) -> str:
    rng = random.Random(3)
    every = [text for texts in streams.values() for text in texts if 120 <= len(text) <= 180]
    words = [word for text in every for word in text.split()]
    texts = [
        rewritten(rng.choice(every[:50]), 0.1, words, rng) if rng.random() < 0.1 else text
        for text in rng.choices(every, k=TEXTS)
    ]
    posts = [
        a_post(number, text, BEGAN + timedelta(seconds=number)) for number, text in enumerate(texts)
    ]
    times = [post.published_at.timestamp() for post in posts]
    rows: list[list[object]] = []
    for watches in (1, 500):
        seconds, largest = _measured(posts, times, watches)
        rate = TEXTS / seconds
        rows.append([watches, rate, 1e6 / rate, largest, f"≥ {TARGET:,} texts/s, ≤ 14,000 B"])
    length = sum(map(len, texts)) / len(texts)
    return table(
        f"Campaign.fold: {TEXTS:,} texts of {length:.0f} characters, one in ten a copy; one core, "
        f"median of {ROUNDS} rounds",
        ["watches", "texts/s", "µs a text", "largest state, bytes", "wanted"],
        rows,
    )


def _worst_table(streams: dict[str, list[str]]) -> str:
    """Texts made to be slow, a megabyte each; the longest of ten folds."""
    prose = " ".join(text for texts in streams.values() for text in texts)[:1_000_000]
    shapes = {
        "prose": prose,
        "one letter": "a" * 1_000_000,
        "@a# again and again": "@a#" * 333_333,
        "https:// again and again": "https://" * 125_000,
        "marks on one letter": "a" + "\u0301" * 999_999,
        "ligatures of many letters": "\ufdfa" * 1_000_000,
        "lone surrogates": "\ud800 " * 500_000,
    }
    rows: list[list[object]] = []
    for name, text in shapes.items():
        state = Campaign()
        longest = 0.0
        for number in range(10):
            post = a_post(number, text, BEGAN + timedelta(minutes=number))
            began = time.process_time()
            state.fold(post, post.published_at.timestamp(), ZONE)
            longest = max(longest, time.process_time() - began)
        rows.append([name, longest * 1e3])
    return table("A megabyte of", ["what", "ms, the longest of ten"], rows)


def _measured(
    posts: Sequence[ClassifiedMention], times: Sequence[float], watches: int
) -> tuple[float, int]:
    """Seconds of processor time for all posts, and the largest state as msgpack."""
    seconds = []
    states: list[Campaign] = []
    for _ in range(ROUNDS):
        states = [Campaign() for _ in range(watches)]
        gc.collect()
        began = time.process_time()
        for number, (post, at) in enumerate(zip(posts, times, strict=True)):
            states[number % watches].fold(post, at, ZONE)
        seconds.append(time.process_time() - began)
    return median(seconds), max(len(msgspec.msgpack.encode(state)) for state in states)


def rewritten(text: str, share: float, words: Sequence[str], rng: random.Random) -> str:
    """The text in other dress, with about this share of its words changed."""
    result: list[str] = []
    for word in _reordered(text, rng).split():
        if rng.random() >= share:
            result.append(word)
            continue
        change = rng.choices(["replace", "drop", "double", "mistype"], [5, 2, 1, 2])[0]
        if change == "replace":
            result.append(rng.choice(words))
        elif change == "double":
            result += [word, word]
        elif change == "mistype":
            place = rng.randrange(len(word))
            result.append(word[:place] + rng.choice("aeinrst") + word[place + 1 :])
    dressed = " ".join(result)
    dressed = rng.choice([dressed, dressed.upper(), dressed.lower()])
    return dressed + rng.choice(["", "!!!", " 😡😡", " #nichtmitmir", " …", " @firma"])


def _reordered(text: str, rng: random.Random) -> str:
    sentences = text.replace("! ", "!|").replace(". ", ".|").replace("? ", "?|").split("|")
    if rng.random() < 0.3:
        rng.shuffle(sentences)
    return " ".join(sentences)


def a_post(
    number: int, text: str, at: datetime, *, label: Label | None = None
) -> ClassifiedMention:
    labels: tuple[Label, ...] = ("complaint", "praise", "question", "other", "complaint")
    chosen = label or labels[number % len(labels)]
    return ClassifiedMention(
        id=mention_id("bench", str(number), "w"),
        watch="w",
        source="bench",
        platform="bench",
        native_id=str(number),
        kind="post",
        text=text,
        author=Author(key=f"{number:032x}", handle=_handle(number), followers=number % 997),
        published_at=at,
        collected_at=at,
        classification=Classification(
            label=chosen, scores={chosen: 0.9}, severity=0.3, model="bench-1"
        ),
    )


def _handle(number: int) -> str:
    parts = ("kai", "rho", "mel", "tor", "vin", "sul", "eda", "bro", "ull", "nim")
    return "".join(parts[int(digit)] for digit in str(number))


def _texts(path: Path) -> list[str]:
    return list(_lines(path))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


if __name__ == "__main__":
    main()
