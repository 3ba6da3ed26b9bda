"""What every reading of sources needs: clients, a confined process, and the words to search for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from libs.common.clock import Clock
from libs.common.http import open_client
from libs.common.query import keywords, parse
from libs.common.settings import Watch
from services.ingest.collector import Tools
from services.ingest.reading.confined import ConfinedProcess
from services.ingest.settings import IngestSettings


@asynccontextmanager
async def open_tools(settings: IngestSettings, clock: Clock) -> AsyncIterator[Tools]:
    """The tools of all collectors while the block runs."""
    agent = settings.ingest.user_agent
    needed = needed_words(settings.watches)
    async with AsyncExitStack() as stack:
        confined = ConfinedProcess()
        stack.push_async_callback(confined.close)
        yield Tools(
            client=await stack.enter_async_context(open_client(user_agent=agent)),
            private_client=await stack.enter_async_context(
                open_client(user_agent=agent, allow_private=True)
            ),
            clock=clock,
            confined=confined,
            keywords=needed.words,
            keywords_suffice=needed.suffice,
        )


@dataclass(frozen=True, slots=True)
class Needed:
    """Words and phrases to search for, and whether every wanted post holds one of them."""

    words: tuple[str, ...]
    suffice: bool


def needed_words(watches: Sequence[Watch]) -> Needed:
    """What to search for so that every watch finds what it wants, each word once."""
    of_each = [keywords(parse(watch.query).query) for watch in watches]
    words = {word.casefold(): word for needed in of_each for word in needed}
    return Needed(tuple(words.values()), all(of_each))
