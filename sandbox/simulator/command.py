"""`brandmelder simulate`: writes a simulated stream and the truth about it to files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from libs.common.errors import ConfigurationError
from libs.common.events import ClassifiedMention, Mention, SourceHealthChanged
from sandbox.simulator.settings import Settings
from sandbox.simulator.stream import WatchStream, merged, streams
from sandbox.simulator.texts import CORPUS, read_library
from sandbox.simulator.truth import WatchTruth
from sandbox.simulator.writing import Event

_TYPES: Final = {
    Mention: "mention.collected.v1",
    ClassifiedMention: "mention.classified.v1",
    SourceHealthChanged: "source.health_changed.v1",
}


class Line(msgspec.Struct, frozen=True):
    """An event in a file: its type as the log's `ce_type` names it, and what the log carries."""

    type: str
    data: msgspec.Raw


class Truth(msgspec.Struct, frozen=True):
    """`truth.json`."""

    seed: int
    watches: tuple[WatchTruth, ...]


@click.command(context_settings={"show_default": True, "auto_envvar_prefix": "BRANDMELDER"})
@click.option("--seed", default=7, help="The same seed gives the same stream.")
@click.option("--days", default=30, type=click.IntRange(1), help="From 5 January 2026 on.")
@click.option("--watches", default=3, type=click.IntRange(1), help="From 2 a day to 120 an hour.")
@click.option("--storms", default=4, type=click.IntRange(0), help="Storms of each watch.")
@click.option("--raw", is_flag=True, help="Mentions as they are before they are classified.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False),
    default=CORPUS,
    show_default="training/corpus of the checkout",
    help="Folder of the texts.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for events.jsonl and truth.json.",
)
def simulate(
    seed: int, days: int, watches: int, storms: int, raw: bool, corpus: Path, out: Path
) -> None:
    """Make up mentions with storms in them, and say what really happened.

    events.jsonl has one event a line, in the order in which they become known; truth.json has
    every storm with its true level, and all else that is not everyday.
    """
    settings = Settings(seed=seed, days=days, watches=watches, storms=storms, raw=raw)
    try:
        made = streams(settings, read_library(corpus))
        written = write(made, seed, out)
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"brandmelder: {error}", err=True)
        sys.exit(1)
    count = sum(len(stream.truth.storms) for stream in made)
    click.echo(f"{written:,} events, watches: {watches}, storms: {count}, written to {out}")


def write(made: list[WatchStream], seed: int, folder: Path) -> int:
    """Writes both files; gives the number of events."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = msgspec.json.Encoder()
    written = 0
    with (folder / "events.jsonl").open("wb") as file:
        for simulated in merged(made):
            file.write(encoder.encode(_line(simulated.event, encoder)) + b"\n")
            written += 1
    truth = Truth(seed, tuple(stream.truth for stream in made))
    (folder / "truth.json").write_bytes(
        msgspec.json.format(encoder.encode(truth), indent=1) + b"\n"
    )
    return written


def _line(event: Event, encoder: msgspec.json.Encoder) -> Line:
    return Line(_TYPES[type(event)], msgspec.Raw(encoder.encode(event)))
