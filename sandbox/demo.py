"""The demo: Brandmelder watches Motorrad AG on the sandbox. `make run` starts it when there is no
configuration of your own.
"""

from __future__ import annotations

import base64
import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final, Unpack

import click

from libs.common.clock import utc_now
from libs.common.settings import load
from sandbox.server import create_sandbox, running
from sandbox.story import load_story
from sandbox.timeline import remembered_start
from services import runtime
from services.cli import UP_PORT, finish
from services.configuration import Configuration
from services.where import Where, log_to_file, place, placed

CONFIGURATION: Final = Path(__file__).with_name("demo.yaml")
DATA: Final = Path("data/demo")
"""Its own folder: nothing of the demo shall ever stand among your own mentions."""


@click.command(context_settings={"show_default": True})
@placed
@click.option("--sandbox-port", default=8090, type=click.IntRange(1, 65535))
def main(sandbox_port: int, **where: Unpack[Where]) -> None:
    """Play the story of Motorrad AG, and watch it."""
    finish(_demo(where, sandbox_port, log_to_file(where)))


async def _demo(where: Where, sandbox_port: int, log_file: str) -> None:
    story = load_story("demo")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    here = place(where, UP_PORT)
    # The port stays the same from start to start: a feed's address is part of its posts' identity.
    sandbox = create_sandbox(
        story,
        started=remembered_start(
            where["data"] / "story-began", utc_now(), timedelta(seconds=story.seconds)
        ),
        webhook_secret=secret,
    )
    async with running(sandbox, port=sandbox_port) as address:
        environment = {**os.environ, "SANDBOX_URL": address, "SANDBOX_WEBHOOK_SECRET": secret}
        await runtime.up(load(CONFIGURATION, Configuration, environment), here, log_file)


if __name__ == "__main__":
    main(auto_envvar_prefix="BRANDMELDER", default_map={"data": str(DATA)})
