"""`python -m sandbox`: plays the platforms on their own, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import click

from libs.common.clock import utc_now
from sandbox.server import create_sandbox, serve
from sandbox.story import Story, StoryName, load_story
from sandbox.timeline import remembered_start


@click.command(context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=8090, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--speed", default=1.0, type=click.FloatRange(0.01, 1000), help="Of the story.")
@click.option("--story", "name", default="demo", type=click.Choice(get_args(StoryName)))
@click.option(
    "--remember",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that keeps when the story began, so that a restart goes on from there.",
)
@click.option(
    "--webhook-secret",
    envvar="SANDBOX_WEBHOOK_SECRET",
    help="Checks the signatures of the pages that arrive (whsec_…).",
)
def main(
    host: str,
    port: int,
    speed: float,
    name: StoryName,
    remember: Path | None,
    webhook_secret: str | None,
) -> None:
    """Plays invented platforms for demonstrations, tests and benchmarks; prints its address."""
    story = load_story(name)
    started = _started(remember, story, speed)
    asyncio.run(_run(story, started, speed, webhook_secret, host, port))


def _started(remember: Path | None, story: Story, speed: float) -> datetime:
    now = utc_now()
    if remember is None:
        return now
    return remembered_start(remember, now, timedelta(seconds=story.seconds / speed))


async def _run(
    story: Story, started: datetime, speed: float, secret: str | None, host: str, port: int
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sandbox = create_sandbox(
        story,
        started=started,
        speed=speed,
        webhook_secret=secret,
        on_delivery=lambda delivery: click.echo(f"page ({delivery.signature}): {delivery.body}"),
    )
    await serve(sandbox, stop, host=host, port=port, announce=click.echo)


if __name__ == "__main__":
    main()
