"""How much of a firehose one reader stands: Jetstream's events against 500 watches, on one core.

Another process sends them over a WebSocket, in Jetstream's form: new posts in German and English
of which one in two hundred names a watched company, one deletion to every ten of them, and what is
sent unasked. The reader is the collector as it runs in production, and after it the exact matcher
of the watches. Once it is sent as much as it can take, once the rate that is the goal.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import multiprocessing
import random
import re
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final

import httpx
import msgspec

from benchmarks.table import table
from libs.common.clock import utc_now
from libs.common.query import keywords, parse
from libs.common.settings import Watch
from services.ingest.collector import Stream, Tools
from services.ingest.collectors import jetstream
from services.ingest.match import Pseudonyms, Watches
from tests.unit.ingest.building import Unconfined

WATCHES: Final = 500
GOAL: Final = 5_000
FLOOD: Final = 100_000
"""Posts that are sent as fast as they are taken."""
DISTINCT: Final = 20_000
"""Posts that are made; then they are repeated at other times."""
PACED: Final = GOAL * 11 // 10
PACED_SECONDS: Final = 4
HITS: Final = 1 / 200
DELETIONS: Final = 1 / 10
NOISE: Final = 1 / 25
_TICK: Final = 0.01
_AT_ONCE: Final = 50
_ACCEPTED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
_GOODBYE: Final = b"\x88\x02\x03\xe8"
_WORDS: Final = """
ich habe gestern wieder eine halbe Stunde in der Hotline gewartet und am Ende hat mir niemand
geholfen weiß jemand ob man die Bestellung noch ändern kann schönes Wochenende zusammen größere
Auswahl günstiger Preis aber schlechte Qualität ärgerlich does anyone know whether the new update
fixes the battery problem mine still dies after two hours great service thank you so much will
definitely come back the weather is lovely today just finished my first long ride 🚲 and it felt
amazing people at the shop were friendly and honest 😀 please help my account has been locked
""".split()  # noqa: SIM905 -- readable
_STARTS: Final = "Nord Süd Alt Neu Berg Tal Rhein Elb Wald Stern Adler Falken Silber Gold Kron"
_ENDS: Final = "bank werk hof tech mobil energie kauf bau haus land pharma druck glas stahl post"


@dataclass(frozen=True, slots=True)
class Taken:
    """One run. lag, most_lag: seconds from an event's time until it was matched, or deleted, with
    its page."""

    posts: int
    mentions: int
    seconds: float
    cpu_seconds: float
    lag: float
    most_lag: float


def main() -> None:
    flood = _run(FLOOD, rate=None)
    paced = _run(PACED * PACED_SECONDS, rate=PACED)
    rows = [
        [
            name,
            taken.posts / taken.seconds,
            taken.posts / taken.seconds / GOAL,
            1e6 * taken.cpu_seconds / taken.posts,
            taken.cpu_seconds / taken.seconds,
            taken.lag,
            taken.most_lag,
            taken.mentions,
        ]
        for name, taken in (("as much as it takes", flood), (f"{PACED:,} posts/s", paced))
    ]
    print(
        table(
            f"Firehose: Jetstream's events over a WebSocket against {WATCHES} watches; "
            f"wanted: ≥ {GOAL:,} posts/s",
            [
                "sent",
                "posts/s",
                "times the goal",
                "µs of CPU a post",
                "share of a core",
                "s behind at the end",
                "s behind at most",
                "mentions",
            ],
            rows,
        )
    )


def _run(posts: int, rate: int | None) -> Taken:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    sender = context.Process(target=_send_all, args=(there, posts, rate), daemon=True)
    sender.start()
    try:
        port = here.recv()
        return asyncio.run(_read(port, posts))
    finally:
        sender.terminate()
        sender.join()


async def _read(port: int, posts: int) -> Taken:
    queries = [f'"{name} AG" OR @{name} OR {name}* -gewinnspiel' for name in _names()]
    watches = Watches(
        [
            Watch.model_validate({"id": f"w{number}", "name": f"w{number}", "query": query})
            for number, query in enumerate(queries)
        ],
        Pseudonyms(b"benchmark"),
    )
    wanted = tuple(word for query in queries for word in keywords(parse(query).query))
    async with httpx.AsyncClient() as client:
        tools = Tools(client, client, utc_now, Unconfined(), wanted)
        address = {"hosts": [f"ws://127.0.0.1:{port}"], "allow_private": True}
        config = jetstream.Config.model_validate({"id": "firehose", **address})
        return await _taken(config.build(tools), watches, posts)


async def _taken(stream: Stream, watches: Watches, posts: int) -> Taken:
    mentions, most_lag, lag = 0, 0.0, 0.0
    began, cpu_began = time.perf_counter(), time.process_time()
    async with aclosing(stream.listen(None)) as pages:
        async for page in pages:
            now = utc_now()
            for post in page.posts:
                mentions += len(watches.mentions(post, "firehose", now))
            cursor = msgspec.json.decode(page.cursor or "", type=jetstream.Cursor)
            lag = now.timestamp() - cursor.time_us / 1e6
            most_lag = max(most_lag, lag)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Taken(posts, mentions, seconds, cpu_seconds, lag, most_lag)


def _names() -> list[str]:
    every = [
        f"{start}{middle}{end}"
        for start in _STARTS.split()
        for end in _ENDS.split()
        for middle in ("", "er", "licht")
    ]
    return random.Random(7).sample(every, WATCHES)


def _send_all(parent: Connection, posts: int, rate: int | None) -> None:
    asyncio.run(_serve(parent, posts, rate))


async def _serve(parent: Connection, posts: int, rate: int | None) -> None:
    """A WebSocket by hand: what the benchmark sends with must cost less than what it measures."""
    events, over = _events(min(posts, DISTINCT)), asyncio.Event()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_ACCEPTED % _answer_to(await reader.readuntil(b"\r\n\r\n")))
        sent, began = 0, time.perf_counter()
        while sent < posts:
            due = posts if rate is None else int((time.perf_counter() - began) * rate)
            for start in range(sent, min(due, posts), _AT_ONCE):
                sent = min(start + _AT_ONCE, due, posts)
                now = b"%d" % (time.time_ns() // 1000)
                chosen = (events[number % len(events)] for number in range(start, sent))
                writer.write(b"".join(_frame(now.join(parts)) for each in chosen for parts in each))
                await writer.drain()
            await asyncio.sleep(0 if rate is None else _TICK)
        writer.write(_GOODBYE)
        await reader.read(100)  # the goodbye of the other side
        writer.close()
        over.set()

    async with await asyncio.start_server(send, "127.0.0.1", 0) as server:
        parent.send(server.sockets[0].getsockname()[1])
        await over.wait()


def _answer_to(request: bytes) -> bytes:
    (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", request)
    hashed = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False)
    return base64.b64encode(hashed.digest())


def _frame(message: bytes) -> bytes:
    """RFC 6455, 5.2: one text message, not masked."""
    length = len(message)
    head = bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big")
    return head + message


def _events(posts: int) -> list[list[tuple[bytes, ...]]]:
    """For each post its event and what comes with it, in pieces between which the time belongs."""
    rng, names = random.Random(11), _names()
    return [_around(number, rng, names) for number in range(posts)]


def _around(number: int, rng: random.Random, names: list[str]) -> list[tuple[bytes, ...]]:
    did = f"did:plc:{rng.getrandbits(64):024x}"
    words = rng.choices(_WORDS, k=rng.randint(6, 40))
    if rng.random() < HITS:
        words.insert(rng.randrange(len(words)), rng.choice(names))
    post: dict[str, object] = {
        "$type": "app.bsky.feed.post",
        "createdAt": datetime.now(UTC).isoformat(),
        "embed": {
            "$type": "app.bsky.embed.external",
            "external": {"uri": "https://news.example/a", "title": "News", "description": "x" * 80},
        },
        "langs": ["de"],
        "text": " ".join(words),
    }
    events = [_event(did, "create", number, post)]
    if rng.random() < DELETIONS:
        events.append(_event(did, "delete", number, None))
    if rng.random() < NOISE:
        about = {"did": did, "handle": "someone.example", "seq": number, "time": "2026-01-01"}
        noise = b',"kind":"identity","identity":%b}' % msgspec.json.encode(about)
        events.append((b'{"did":"%b","time_us":' % did.encode(), noise))
    return events


def _event(
    did: str, operation: str, number: int, record: dict[str, object] | None
) -> tuple[bytes, ...]:
    commit: dict[str, object] = {
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": f"3k{number:011d}",
    }
    if record is not None:
        commit |= {"record": record, "cid": f"bafyrei{number:052d}"}
    return (
        b'{"did":"%b","time_us":' % did.encode(),
        b',"kind":"commit","commit":{"rev":"',
        b'",%b}' % msgspec.json.encode(commit)[1:],
    )


if __name__ == "__main__":
    main()
