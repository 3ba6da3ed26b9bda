"""What the commands about sources do: list the kinds, try one, read its past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from libs.common.bus import streams
from libs.common.bus.open import open_bus
from libs.common.clock import utc_now
from libs.common.db import migrate, open_engine
from libs.common.errors import BrandmelderError, ConfigurationError
from services.configuration import Configuration
from services.ingest.catalogue import catalogue
from services.ingest.collector import Collector, SourceConfig, Stream, Tools
from services.ingest.failure import CollectionFailed
from services.ingest.hook import Hook
from services.ingest.intake import Intake
from services.ingest.match import Pseudonyms, Watches
from services.ingest.opening import open_tools
from services.ingest.posts import PostStore
from services.ingest.schedule.backfill import Progress, backfill
from services.ingest.schedule.probe import probe, told
from services.ingest.schedule.spending import Spending
from services.runtime import Place

Say = Callable[[str], None]


def _read_by(source: SourceConfig, tools: Tools) -> Collector | Stream:
    built = source.build(tools)
    if isinstance(built, Hook):
        delivers = f"{source.id} is not read: its platform delivers to {source.address}"
        raise ConfigurationError([delivers])
    return built


def kinds() -> Iterator[str]:
    """Every kind of source in a line: its name, what it reads, the keys it needs."""
    found = catalogue()
    width = max(len(each.kind) for each in found)
    for each in found:
        yield f"{each.kind:<{width}}  {each.reads}  Needs: {each.keys}."


async def probe_source(source_id: str, configuration: Configuration, say: Say) -> bool:
    """Reads the source once and says what it would collect; whether it could be read."""
    source = _source(source_id, configuration)
    watches = Watches(configuration.watches, Pseudonyms(b"of no importance here"))
    say(f"{source.id}: {source.kind} at {source.address}")
    async with open_tools(configuration, utc_now) as tools:
        probed = await probe(_read_by(source, tools))
    for line in told(probed, lambda post: watches.matched(post, source.id, utc_now())):
        say(line)
    return probed.failure is None


async def backfill_source(
    source_id: str, start: datetime, configuration: Configuration, place: Place, say: Say
) -> None:
    """Reads the source from `start` to now onto the log, as mentions that never page as new."""
    source = _source(source_id, configuration)
    is_open = configuration.privacy.authors == "open"
    pseudonyms = Pseudonyms(place.author_key.encode(), is_open=is_open)
    bus, engine = await open_bus(place.bus), open_engine(place.database)
    try:
        await bus.create_topics(streams(place.partitions))
        await migrate(engine, "services.ingest")
        watches = Watches(configuration.watches, pseudonyms)
        intake = Intake(watches, PostStore(engine), bus, utc_now)
        async with open_tools(configuration, utc_now) as tools:
            collector = _read_by(source, tools)
            done = await backfill(
                source,
                collector,
                start,
                intake,
                Spending(engine),
                utc_now,
                lambda now: say(_line(now)),
            )
        say(f"Done: {_line(done)}. What a watch wants of it is stored.")
        if not done.complete:
            say("The platform does not show all of that time any more: something is missing.")
    except CollectionFailed as failure:
        wrong = f"{source.id} cannot be read ({failure.health}): {failure.reason}: {failure}"
        raise BrandmelderError(wrong) from failure
    finally:
        await engine.dispose()
        await bus.close()


def _line(progress: Progress) -> str:
    back_to = f", back to {progress.oldest:%Y-%m-%d %H:%M}" if progress.oldest else ""
    pages = "1 page" if progress.pages == 1 else f"{progress.pages} pages"
    return f"{pages}, {progress.posts} posts{back_to}"


def _source(source_id: str, configuration: Configuration) -> SourceConfig:
    for source in configuration.sources:
        if source.id == source_id:
            return source
    known = ", ".join(source.id for source in configuration.sources) or "none"
    raise ConfigurationError([f"no source is called {source_id!r}; there are: {known}"])
