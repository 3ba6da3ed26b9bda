"""The options that say where a process of ours runs, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TypedDict, TypeVar, get_args

import click

from libs.common.auth import find_or_make_token, secret_file
from libs.common.errors import ConfigurationError
from libs.common.log import LogFormat, configure_logging
from services.runtime import Place

LOG_BYTES: Final = 10_000_000
Command = TypeVar("Command", bound=Callable[..., None])


class Where(TypedDict):
    """The options that say where a process runs."""

    bus: str | None
    database: str | None
    data: Path
    host: str
    port: int | None
    partitions: int
    log_format: LogFormat


def placed(command: Command) -> Command:
    """Adds the options of `Where`."""
    for option in reversed(
        (
            click.option("--bus", help="sqlite:///… or kafka://host:port  [default: in --data]"),
            click.option("--database", help="sqlite:///… or postgresql://…  [default: in --data]"),
            click.option(
                "--data",
                type=click.Path(path_type=Path, file_okay=False),
                default="data",
                help="Folder of the embedded log and store, and of the token.",
            ),
            click.option("--host", default="127.0.0.1", help="Address to listen on."),
            click.option(
                "--port", type=click.IntRange(1, 65535), help="[default: 8080, or the service's]"
            ),
            click.option(
                "--partitions",
                type=click.IntRange(1, 1000),
                default=6,
                help="Of each stream, when this process creates it.",
            ),
            click.option("--log-format", type=click.Choice(get_args(LogFormat)), default="console"),
        )
    ):
        command = option(command)
    return command


def place(where: Where, default_port: int) -> Place:
    """The place these options mean; the data folder and its secrets are made if need be."""
    data = data_folder(where)
    return Place(
        bus=bus_url(where),
        database=where["database"] or _embedded(data, "store"),
        host=where["host"],
        port=where["port"] or default_port,
        partitions=where["partitions"],
        token=find_or_make_token(data),
        author_key=os.environ.get("BRANDMELDER_AUTHOR_KEY") or secret_file(data / "author-key"),
    )


def log_to_file(where: Where) -> str:
    """Sends the log to a file in the data folder, where the terminal is for people; its name."""
    path = data_folder(where) / "brandmelder.log"
    file = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    configure_logging(where["log_format"], file, troubles=True)
    return str(path)


def data_folder(where: Where) -> Path:
    """The data folder, made if need be, for its owner only. Raises ConfigurationError."""
    data = where["data"]
    os.umask(0o077)  # what stands in it is for its owner only: mentions, contacts, secrets
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError([f"data folder {data}: {error.strerror}"]) from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise ConfigurationError([f"data folder {data}: cannot be written"])
    return data


def bus_url(where: Where) -> str:
    """The address of the event log."""
    return where["bus"] or _embedded(where["data"], "log")


def _embedded(data: Path, name: str) -> str:
    return f"sqlite:///{data / name}.db"
