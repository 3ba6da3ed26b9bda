"""The classify service: reads `mentions.raw`, writes `mentions.classified`, answers questions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import RAW, Bus
from libs.common.service import Service
from libs.common.worker import Worker
from services.classify.apart import Apart, child_with
from services.classify.api import classify_router
from services.classify.load import load_classifier, own_files
from services.classify.second_opinion.tagger import with_second_opinion
from services.classify.settings import ClassifySection, ClassifySettings
from services.classify.step import classify_step
from services.classify.tagging import NAME, InPlace

GROUP: Final = "classify"


@asynccontextmanager
async def open_service(
    settings: ClassifySettings,
    bus: Bus,
    _engine: AsyncEngine,
    gate: Gate,
    *,
    apart: bool = False,
) -> AsyncIterator[Service]:
    """The service with its model and lexicons loaded; it stores nothing.

    apart: a child process classifies and loads the model, since this one has more to do than that.
    Raises ConfigurationError for a bad lexicon file, with every finding, or a bad model file.
    """
    own = settings.classify

    async def log_answers() -> str:
        await bus.ready()
        return "the log answers"

    async def model() -> str:
        return f"{classifier.name} is loaded"

    async with (
        _classifier(own, apart=apart) as classifier,
        with_second_opinion(classifier, own.second_opinion) as tagger,
    ):
        step = classify_step(tagger)
        worker = Worker(service=NAME, group=GROUP, topics=[RAW], bus=bus, step=step)
        yield Service(
            name=NAME,
            router=classify_router(classifier, gate),
            loops={"tag": worker.run},
            checks={"log": log_answers, "model": model, "lag": worker.check},
        )


@asynccontextmanager
async def _classifier(own: ClassifySection, *, apart: bool) -> AsyncIterator[InPlace | Apart]:
    if not apart:
        yield InPlace(load_classifier(own.lexicons, own.model))
        return
    child = child_with(own_files(own.lexicons, own.model))
    try:
        yield await Apart.begin(child)
    finally:
        await child.close()
