"""The classifier: texts a second and core, what a start costs, and the whole step on Kafka.

Texts are those of the corpus that have 120 to 180 characters, with few crises as in life, in
batches of 256. Compared in the same run: scikit-learn's HashingVectorizer over features of the same
kinds (words and pairs of words, negated words, parts of words, signs of the whole text), with a
linear model of as many outcomes. It ends with probabilities; ours are compared as far as that, and
with whole verdicts, which have severity, theme and the guard of the rules besides.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import mean, median
from typing import Final, NamedTuple

import msgspec
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from benchmarks.table import table
from libs.common.bus import RAW, Message, streams
from libs.common.bus.kafka import Connection, KafkaBus
from libs.common.events import LABELS, Mention, mention_id, to_message
from libs.common.worker import Limits, Worker
from sandbox.load import Mix, lines
from services.classify.classifier import Utterance
from services.classify.linear.classifier import TrainedClassifier
from services.classify.linear.features import LONGEST_PART, NEGATED, NEGATING, SHORTEST_PART
from services.classify.linear.weights import LANGUAGES, shipped
from services.classify.load import load_classifier
from services.classify.rules import load_rules
from services.classify.step import classify_step
from services.classify.tagging import InPlace
from tests.support.kafka import KafkaBroker, missing
from training.corpus import read

BATCH: Final = 256
TEXTS: Final = 20 * BATCH
ROUNDS: Final = 5
SINGLE: Final = 500
MENTIONS: Final = 60_000
PARTITIONS: Final = 6
BUCKETS: Final = 1 << 19
OUTCOMES: Final = len(LABELS) + len(LANGUAGES)
_TOKEN: Final = r"\w+|[^\w\s]"
_NEGATING: Final = frozenset(NEGATING.split())

_START: Final = """
import time
begun = time.perf_counter()
from services.classify.load import load_classifier
from services.classify.classifier import Utterance
load_classifier().classify([Utterance(text="Bereit?")])
taken = time.perf_counter() - begun
with open("/proc/self/status") as status:
    (resident,) = (line.split()[1] for line in status if line.startswith("VmRSS"))
print(taken, int(resident) / 1000)
"""


class _Post(msgspec.Struct):
    platform: str
    native_id: str
    text: str
    lang: str
    published_at: datetime


class _Rates(NamedTuple):
    """Texts a second: labels, labels with reasons, our probabilities alone, those of scikit-learn.
    single: milliseconds of a call with one text."""

    labels: float
    reasons: float
    model: float
    peer: float
    single: float


def main() -> None:
    samples = _samples()
    rates = _rates(samples)
    start, memory = _start()
    rows: list[list[object]] = [
        ["texts/s with labels", rates.labels, 60_000.0, rates.labels / 60_000],
        ["texts/s with labels and reasons", rates.reasons, 20_000.0, rates.reasons / 20_000],
        _multiple("multiple of scikit-learn, as far as probabilities", rates.model / rates.peer),
        _multiple("multiple of scikit-learn, whole verdicts", rates.labels / rates.peer),
        ["ms for one text by itself", rates.single, 0.3, rates.single / 0.3],
        ["seconds until the first verdict of a process", start, 3.0, start / 3],
        ["resident MB of such a process", memory, 200.0, memory / 200],
    ]
    if reason := missing():
        print(f"\nThe step on Kafka is left out: {reason}")
    else:
        per_core = asyncio.run(_on_kafka())
        row = ["mentions/s and core, the whole step on Kafka", per_core, 12_000.0]
        rows.append([*row, per_core / 12_000])
    characters = mean(map(len, samples))
    title = f"Classifier: {len(samples)} texts of {characters:.0f} characters, median of {ROUNDS}"
    print(table(title, ["what", "measured", "wanted", "ratio"], rows))


def _samples() -> list[str]:
    """In a fixed mixed order, one crisis candidate in fifty: more than an ordinary day has."""
    fitting = [one for one in read() if 120 <= len(one.text) <= 180]
    ordinary = [one.text for one in fitting if one.label != "crisis_candidate"]
    crises = [one.text for one in fitting if one.label == "crisis_candidate"]
    samples = (ordinary + crises[: len(ordinary) // 49])[-TEXTS:]
    random.Random(1).shuffle(samples)
    return samples


def _multiple(what: str, times: float) -> list[object]:
    return [what, times, 20.0, times / 20]


def _peer() -> Pipeline:
    """scikit-learn's way to features of the same kinds."""
    words = HashingVectorizer(
        ngram_range=(1, 2), token_pattern=_TOKEN, strip_accents="unicode", n_features=BUCKETS
    )
    parts = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(SHORTEST_PART, LONGEST_PART),
        strip_accents="unicode",
        n_features=BUCKETS,
    )
    rest = HashingVectorizer(analyzer=_negated_words_and_signs, n_features=BUCKETS)
    return make_pipeline(
        make_union(words, parts, rest), SGDClassifier(loss="log_loss", random_state=1)
    )


def _negated_words_and_signs(text: str) -> list[str]:
    tokens = re.findall(_TOKEN, text)
    features, reach = [], 0
    for token in map(str.lower, tokens):
        if not token.isalnum():
            reach = 0
        elif reach:
            features.append(f"not {token}")
            reach -= 1
        if token in _NEGATING:
            reach = NEGATED
    loud = sum(len(token) > 3 and token.isupper() for token in tokens)
    features += [f"{sign} {min(text.count(sign), 3)}" for sign in "?!"]
    features += [f"loud {min(loud, 3)}", f"length {len(tokens).bit_length()}"]
    return [*features, f"first {tokens[:1]}", f"beginning {tokens[:2]}", f"last {tokens[-1:]}"]


def _rates(samples: Sequence[str]) -> _Rates:
    classifier = TrainedClassifier(shipped(), load_rules())
    subjects = [Utterance(text=text) for text in samples]
    peer = _peer()
    peer.fit(samples[:BATCH], [n % OUTCOMES for n in range(BATCH)])
    classifier.classify(subjects[:BATCH])  # loads the compiled code, or compiles it

    def batches(work: Callable[[int], object]) -> float:
        begun = time.perf_counter()
        for first in range(0, len(samples), BATCH):
            work(first)
        return len(samples) / (time.perf_counter() - begun)

    gc.freeze()
    rounds = [
        (
            batches(lambda n: classifier.classify(subjects[n : n + BATCH], reasons=False)),
            batches(lambda n: classifier.classify(subjects[n : n + BATCH])),
            batches(lambda n: classifier.see(subjects[n : n + BATCH])),
            batches(lambda n: peer.predict_proba(samples[n : n + BATCH])),
        )
        for _ in range(ROUNDS)
    ]
    begun = time.perf_counter()
    for subject in subjects[:SINGLE]:
        classifier.classify([subject])
    single = (time.perf_counter() - begun) / SINGLE * 1000
    labels, reasons, model, plain = (median(column) for column in zip(*rounds, strict=True))
    return _Rates(labels, reasons, model, plain, single)


def _start() -> tuple[float, float]:
    """Seconds and megabytes of a fresh process that gives one verdict, compiled code kept."""
    runs = [
        subprocess.run([sys.executable, "-c", _START], capture_output=True, check=True, text=True)
        for _ in range(3)
    ]
    figures = [tuple(map(float, run.stdout.split())) for run in runs]
    return median(seconds for seconds, _ in figures), median(memory for _, memory in figures)


async def _on_kafka() -> float:
    """Mentions a second of this process's processor time: read, tagged with reasons, published,
    acknowledged and committed."""
    broker = KafkaBroker()
    broker.start()
    try:
        bus = KafkaBus(Connection((broker.address,)))
        try:
            await bus.create_topics(streams(PARTITIONS))
            await bus.publish(_mentions())
            return await _worked_off(bus)
        finally:
            await bus.close()
    finally:
        broker.close()


async def _worked_off(bus: KafkaBus) -> float:
    step = classify_step(InPlace(load_classifier()))
    worker = Worker("classify", "classify", [RAW], bus, step, Limits())
    stop = asyncio.Event()
    begun = time.process_time()
    work = asyncio.create_task(worker.run(stop))
    while sum((await bus.lag("classify", [RAW])).values()):  # noqa: ASYNC110 -- it tells nobody
        await asyncio.sleep(0.2)
    spent = time.process_time() - begun
    stop.set()
    await work
    return MENTIONS / spent


def _mentions() -> list[Message]:
    made = lines(MENTIONS, seed=1, mix=Mix(hits=1.0), per_second=4000.0)
    return [_message(msgspec.json.decode(line, type=_Post)) for line in made]


def _message(post: _Post) -> Message:
    mention = Mention(
        id=mention_id(post.platform, post.native_id, "load"),
        watch="load",
        source="api",
        platform=post.platform,
        native_id=post.native_id,
        kind="post",
        text=post.text,
        lang=post.lang,
        published_at=post.published_at,
        collected_at=post.published_at,
    )
    return to_message(RAW, mention.id, mention, service="ingest")
