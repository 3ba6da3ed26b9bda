"""The command `brandmelder`."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, TextIO, Unpack, get_args

import click
import uvloop

from libs.common.bus.open import open_bus
from libs.common.errors import BrandmelderError, ConfigurationError
from libs.common.log import configure_logging
from libs.common.query import parse
from libs.common.settings import Language, load
from services import alert_commands, classify_commands, runtime, source_commands
from services.backtest import backtest_since
from services.campaign_command import Format, report_on
from services.configuration import Configuration
from services.replay import replay as replay_topic
from services.runtime import ServiceName
from services.where import Where, bus_url, log_to_file, place, placed

PORTS: Final[dict[ServiceName, int]] = {
    "ingest": 8001,
    "classify": 8002,
    "alert": 8003,
    "query": 8004,
}
UP_PORT: Final = 8080
COMMANDS: Final = "brandmelder.commands"
STOPPED: Final = 130
"""The exit code of what Ctrl-C has stopped, as in every shell."""
MOMENT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
SETTINGS: Final = {"show_default": True, "auto_envvar_prefix": "BRANDMELDER"}
"""For every command by itself: click would else look for BRANDMELDER_UP_BUS and the like."""


configured = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="brandmelder.yaml",
    help="The configuration file.",
)


class _Commands(click.Group):
    """The commands below, and those that other packages bring as entry points of the group
    `brandmelder.commands`: the services do not know them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *entry_points(group=COMMANDS).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (known := super().get_command(ctx, cmd_name)) is not None:
            return known
        for found in entry_points(group=COMMANDS, name=cmd_name):
            command: click.Command = found.load()
            return command
        return None


@click.group(cls=_Commands)
@click.version_option(package_name="brandmelder")
def cli() -> None:
    """Fire alarm for a company's name: what people say, and who must know.

    Every option can come from the environment: --bus from BRANDMELDER_BUS, and so on.
    """


@cli.command(context_settings=SETTINGS)
@configured
@placed
def up(config: Path, **where: Unpack[Where]) -> None:
    """Run everything in this process."""
    finish(_up(config, where))


@cli.command(context_settings=SETTINGS)
@click.argument("service", type=click.Choice(get_args(ServiceName)))
@configured
@placed
def run(service: ServiceName, config: Path, **where: Unpack[Where]) -> None:
    """Run one service."""
    finish(_run(service, config, where))


@cli.command(context_settings=SETTINGS)
@click.argument(
    "config", type=click.Path(path_type=Path, dir_okay=False), default="brandmelder.yaml"
)
def check(config: Path) -> None:
    """Check a configuration file, and say all that is wrong with it."""
    finish(_check(config))


@cli.command()
def collectors() -> None:
    """List the kinds of sources, and the keys each needs in the configuration."""
    for line in source_commands.kinds():
        click.echo(line)


@cli.command(context_settings=SETTINGS)
@click.argument("source")
@configured
def probe(source: str, config: Path) -> None:
    """Read a source once and print what it would collect, or why it cannot.

    SOURCE is its id in the configuration. Nothing is published or kept.
    """
    finish(_probe(source, config))


@cli.command(context_settings=SETTINGS)
@click.argument("source")
@click.option("--since", type=MOMENT, required=True, help="The first day, or hour in UTC, to read.")
@configured
@placed
def backfill(source: str, since: datetime, config: Path, **where: Unpack[Where]) -> None:
    """Read a source's past.

    SOURCE is its id in the configuration. The mentions are stored and counted, and never page as
    new.
    """
    finish(_backfill(source, since.replace(tzinfo=UTC), config, where))


@cli.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take own lexicons and an own model from this configuration file.",
)
@click.option("--reasons/--no-reasons", default=True, help="Say which words decided.")
def classify(config: Path | None, reasons: bool) -> None:
    """Tag texts: objects of JSON on standard input, one a line, and a verdict a line out.

    An object has `text` and may have `title`, `lang`, `kind`, `rating` (of five) and `author`. A
    line that cannot be read gets an object with `error`, in its place.
    """
    finish(_classify(config, reasons))


@cli.command()
@click.argument("series", type=click.File(encoding="utf-8", errors="replace"))
def detect(series: TextIO) -> None:
    """Find the bursts in a series of counts, as the service does.

    SERIES is a CSV with the columns timestamp and value, one row for every five minutes or so; -
    reads standard input. Prints the timestamp of each alarm, as its row writes it.
    """
    finish(_detect(series))


@cli.command(context_settings=SETTINGS)
@click.option("--since", type=MOMENT, help="Only what was said from this day, or hour in UTC, on.")
@click.option("--watch", help="Only mentions of this watch.")
@click.option(
    "--industry",
    type=click.Choice(classify_commands.INDUSTRIES),
    default="other",
    help="What the company does, as the corpus calls it.",
)
@configured
@placed
def corrections(
    since: datetime | None,
    watch: str | None,
    industry: classify_commands.Industry,
    config: Path,
    **where: Unpack[Where],
) -> None:
    """Print the mentions that people labelled, one a line, for training.

    In the format of the corpus, in the order they were labelled; accounts and web addresses are
    masked.
    """
    finish(_corrections(since and since.replace(tzinfo=UTC), watch, industry, config, where))


@cli.command(context_settings=SETTINGS)
@click.option(
    "--since", type=MOMENT, required=True, help="The first day, or hour in UTC, to judge anew."
)
@click.option("--until", type=MOMENT, help="The day, or hour in UTC, to stop before.")
@configured
@placed
def reclassify(
    since: datetime, until: datetime | None, config: Path, **where: Unpack[Where]
) -> None:
    """Judge mentions anew with the present classifier.

    Reads what was collected since then once more. Nobody is paged, and what people said stays. May
    run beside the services; restart those that classify first.
    """
    begin, end = since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC)
    finish(_reclassify(begin, end, config, where))


@cli.command(context_settings=SETTINGS)
@click.option(
    "--since", type=MOMENT, required=True, help="The first day, or hour in UTC, to ask about."
)
@click.option("--until", type=MOMENT, help="The day, or hour in UTC, to stop before.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Try the rules and the detection of this configuration file, not those of --config.",
)
@configured
@placed
def backtest(
    since: datetime,
    until: datetime | None,
    rules: Path | None,
    config: Path,
    **where: Unpack[Where],
) -> None:
    """Say when it would have paged, at which level, and why.

    Goes through the stored mentions as if each had been read when it was published. Nobody is told,
    and nothing is changed.
    """
    begin, end = since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC)
    finish(_backtest(begin, end, rules or config, where))


@cli.command(context_settings=SETTINGS)
@click.argument("incident")
@click.option(
    "--language", type=click.Choice(get_args(Language)), help="[default: the configuration's]"
)
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="markdown")
@configured
@placed
def campaign(
    incident: str, language: Language | None, form: Format, config: Path, **where: Unpack[Where]
) -> None:
    """Print the evidence for a suspected campaign, for the platform's operator.

    INCIDENT is its id, as the page's address has it. What has been deleted or erased since is not
    in the report; it contains personal data.
    """
    finish(_campaign(incident, language, form, config, where))


@cli.command(context_settings=SETTINGS)
@click.argument("topic")
@placed
def replay(topic: str, **where: Unpack[Where]) -> None:
    """Put the messages of a dead-letter topic back where they came from.

    TOPIC is the topic of the dead letters, for example mentions.raw.dead. What has been put
    back once is not put back again.
    """
    configure_logging(where["log_format"])

    async def put_back() -> None:
        bus = await open_bus(bus_url(where))
        try:
            click.echo(f"{await replay_topic(bus, topic)} messages put back")
        finally:
            await bus.close()

    finish(put_back())


def main() -> None:
    """The entry point: any error of ours becomes a line and an exit code (2: configuration)."""
    cli(prog_name="brandmelder")


async def _up(config: Path, where: Where) -> None:
    configuration = load(config, Configuration, os.environ)
    log_file = log_to_file(where)
    await runtime.up(configuration, place(where, UP_PORT), log_file)


async def _run(service: ServiceName, config: Path, where: Where) -> None:
    configure_logging(where["log_format"])
    configuration = load(config, Configuration, os.environ)
    await runtime.run([service], configuration, place(where, PORTS[service]))


async def _probe(source: str, config: Path) -> None:
    configuration = load(config, Configuration, os.environ)
    if not await source_commands.probe_source(source, configuration, click.echo):
        sys.exit(1)


async def _backfill(source: str, since: datetime, config: Path, where: Where) -> None:
    configure_logging(where["log_format"])
    configuration = load(config, Configuration, os.environ)
    await source_commands.backfill_source(
        source, since, configuration, place(where, UP_PORT), click.echo
    )


async def _classify(config: Path | None, reasons: bool) -> None:
    classify_commands.classify_lines_of(
        sys.stdin.buffer,
        sys.stdout.buffer,
        None if config is None else load(config, Configuration, os.environ),
        reasons=reasons,
    )


async def _detect(series: TextIO) -> None:
    for alarm in alert_commands.alarms_in(series, getattr(series, "name", "<stdin>")):
        click.echo(alarm)


async def _corrections(
    since: datetime | None,
    watch: str | None,
    industry: classify_commands.Industry,
    config: Path,
    where: Where,
) -> None:
    configure_logging(where["log_format"])
    configuration = load(config, Configuration, os.environ)
    await classify_commands.print_corrections(
        since, watch, industry, configuration, place(where, UP_PORT)
    )


async def _reclassify(since: datetime, until: datetime | None, config: Path, where: Where) -> None:
    configure_logging(where["log_format"])
    configuration = load(config, Configuration, os.environ)
    if not await classify_commands.reclassify_since(
        since, until, configuration, place(where, UP_PORT), click.echo
    ):
        sys.exit(STOPPED)


async def _backtest(since: datetime, until: datetime | None, rules: Path, where: Where) -> None:
    configure_logging(where["log_format"])
    configuration = load(rules, Configuration, os.environ)
    await backtest_since(configuration, place(where, UP_PORT), since, until, click.echo)


async def _campaign(
    incident: str, language: Language | None, form: Format, config: Path, where: Where
) -> None:
    configure_logging(where["log_format"])
    configuration = load(config, Configuration, os.environ)
    click.echo(
        await report_on(incident, configuration, place(where, UP_PORT), language, form), nl=False
    )


async def _check(config: Path) -> None:
    configuration = load(config, Configuration, os.environ)
    for place_, query in _queries(configuration):
        for warning in parse(query).warnings:
            click.echo(f"{config}: {place_}: {warning}", err=True)
    click.echo(
        f"{config} is fine: {len(configuration.watches)} watches, "
        f"{len(configuration.sources)} sources, {len(configuration.rules)} rules, "
        f"{len(configuration.channels)} channels."
    )
    if not configuration.watches:
        click.echo("But nothing is watched: there is no watch.", err=True)


def _queries(configuration: Configuration) -> Iterator[tuple[str, str]]:
    for watch in configuration.watches:
        yield f"watch {watch.id}", watch.query
        if watch.not_ is not None:
            yield f"watch {watch.id}, not", watch.not_
    for rule in configuration.rules:
        yield f"rule {rule.id}", rule.when


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end. Our errors become a line each and an exit code; a bug, a traceback."""
    try:
        uvloop.run(work)
    except* (BrandmelderError, OSError) as errors:
        for error in _leaves(errors):
            click.echo(_said(error), err=True)
        only = {type(error) for error in _leaves(errors)}
        sys.exit(2 if only == {ConfigurationError} else 1)


def _said(error: BaseException) -> str:
    if isinstance(error, ConfigurationError):
        return str(error)
    if isinstance(error, OSError):
        return f"brandmelder: {error.strerror or error}"
    return f"brandmelder: {error}"


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
