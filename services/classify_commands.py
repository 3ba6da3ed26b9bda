"""What the commands about the classifier do: tag texts, hand out corrections, judge anew."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import BinaryIO

import click
import msgspec

from libs.common.bus import RAW, streams
from libs.common.bus.open import open_bus
from libs.common.db import migrate, open_engine
from libs.common.errors import ConfigurationError
from libs.common.events import ClassifiedMention, Reason
from libs.common.taxonomy import INDUSTRIES, Industry
from services.classify.lines import classify_lines
from services.classify.load import load_classifier
from services.classify.reclassify import Outcome, reclassify
from services.classify.rules import load_rules
from services.classify.settings import ClassifySection
from services.configuration import Configuration
from services.query.corrections import Corrections
from services.query.samples import Sample, Unfit, sample_of
from services.query.store import MentionStore
from services.runtime import Place

__all__ = [
    "INDUSTRIES",
    "Industry",
    "classify_lines_of",
    "print_corrections",
    "reclassify_since",
]

Say = Callable[[str], None]


def classify_lines_of(
    asked: BinaryIO, answers: BinaryIO, configuration: Configuration | None, *, reasons: bool
) -> None:
    """Answers every line as soon as a batch of them is there."""
    own = ClassifySection() if configuration is None else configuration.classify
    classifier = load_classifier(own.lexicons, own.model)
    for lines in classify_lines(classifier, asked, reasons=reasons):
        answers.write(lines)
        answers.flush()


async def print_corrections(
    since: datetime | None,
    watch: str | None,
    industry: Industry,
    configuration: Configuration,
    place: Place,
) -> None:
    """Prints what people labelled from `since` on as lines of the corpus; on standard error, how
    many cannot stand there, and why."""
    _check_watch(watch, configuration)
    encoder = msgspec.json.Encoder()
    unfit: Counter[Unfit] = Counter()
    rules = load_rules(configuration.classify.lexicons)

    def look_closer(mention: ClassifiedMention) -> Iterable[Reason]:
        [verdict] = rules.classify([mention])
        return verdict.reasons

    engine = open_engine(place.database)
    try:
        await migrate(engine, "services.query")
        async for corrected in Corrections(engine).since(since, watch):
            sample = sample_of(corrected, industry, look_closer)
            if isinstance(sample, Sample):
                click.echo(encoder.encode(sample))
            else:
                unfit[sample] += 1
    finally:
        await engine.dispose()
    for why, count in sorted(unfit.items()):
        click.echo(f"Left out: {count} ({why})", err=True)


async def reclassify_since(
    since: datetime,
    until: datetime | None,
    configuration: Configuration,
    place: Place,
    say: Say,
) -> bool:
    """Judges anew what was collected from `since` on; whether nobody stopped it."""
    own = configuration.classify
    classifier = load_classifier(own.lexicons, own.model)
    bus, engine = await open_bus(place.bus), open_engine(place.database)
    try:
        await bus.create_topics(streams(place.partitions))
        await migrate(engine, "services.query")
        with _stopped_by_signals() as stop:
            store = MentionStore(engine)
            done = await reclassify(bus, store, classifier, since, until, stop)
    finally:
        await engine.dispose()
        await bus.close()
    for line in _told(done, classifier.name):
        say(line)
    return done.complete


def _told(done: Outcome, model: str) -> Iterator[str]:
    begins = "Done" if done.complete else "Stopped; what is done stays done"
    yield (
        f"{begins}: {done.judged} mentions judged anew by {model}, {done.changed} of them with "
        f"another label than before; {done.outdated} deleted or edited since, left alone."
    )
    if done.unknown:
        yield f"{done.unknown} are not in the store, or not yet: left to the services."
    if done.second_opinions:
        yield f"{done.second_opinions} keep the second opinion that they have."
    if done.unreadable:
        yield f"{done.unreadable} records could not be read; they are on {RAW}.dead."
    if done.reaches_back_to is not None:
        yield (
            f"The log reaches back to {done.reaches_back_to:%Y-%m-%d %H:%M} UTC only: "
            "what is older keeps its verdicts."
        )


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C or SIGTERM; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def ask() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _check_watch(watch: str | None, configuration: Configuration) -> None:
    known = [each.id for each in configuration.watches]
    if watch is not None and watch not in known:
        there_are = ", ".join(known) or "none"
        raise ConfigurationError([f"no watch is called {watch!r}; there are: {there_are}"])
