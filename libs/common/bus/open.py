"""Opens the event log that an address names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from libs.common.bus import Bus
from libs.common.errors import ConfigurationError

EXPECTED: Final = (
    "expected sqlite:///file.db, sqlite:////absolute/file.db or kafka://host:port[,host:port]"
)
KAFKA_OPTIONS: Final = frozenset({"security", "mechanism", "ca", "prefix", "session"})
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=1.0, le=300.0)]


async def open_bus(url: str, *, max_poll_interval: float = 300.0) -> Bus:
    """`sqlite:///relative.db`, `sqlite:////absolute/path.db` or `kafka://host:port,host:port`.

    Kafka takes `user:secret@` before the hosts (percent-encoded where they hold `@`, `:`, `/`,
    `?` or `#`) and after a question mark: `security` (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL;
    SASL_SSL when there is a user), `mechanism` (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512), `ca` (a
    file of trusted certificates), `prefix` (before the names of topics and groups) and `session`
    (seconds without a sign of life after which a consumer counts as dead).

    max_poll_interval: seconds between polls after which a member loses its partitions.
    Raises ConfigurationError for anything else. Its message never holds the secret.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConfigurationError([f"bus: not an address; {EXPECTED}"]) from error
    if parts.scheme == "sqlite":
        return _open_sqlite(parts, max_poll_interval)
    if parts.scheme == "kafka":
        return _open_kafka(parts, max_poll_interval)
    raise ConfigurationError([f"bus: unknown kind {parts.scheme!r}; {EXPECTED}"])


def _open_sqlite(parts: SplitResult, max_poll_interval: float) -> Bus:
    from libs.common.bus.sqlite import SqliteBus

    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.query or not path:
        raise ConfigurationError([f"bus: no file is named; {EXPECTED}"])
    return SqliteBus(Path(path), max_poll_interval=max_poll_interval)


def _open_kafka(parts: SplitResult, max_poll_interval: float) -> Bus:
    from libs.common.bus.kafka import Connection, KafkaBus

    options, authority = _options(parts), _authority(parts)
    settings = {name: options[name] for name in options.keys() - {"session"}}
    if authority.user is not None:
        settings.setdefault("security", "SASL_SSL")
    if settings.get("security", "").startswith("SASL") and authority.secret is None:
        raise ConfigurationError([f"bus: {settings['security']} needs kafka://user:secret@host"])
    try:
        connection = msgspec.convert({**settings, **authority._asdict()}, Connection)
        session = msgspec.convert(options.get("session", "10"), Seconds, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError([f"bus: {error}"]) from error
    return KafkaBus(connection, session=session, max_poll_interval=max_poll_interval)


class _Authority(NamedTuple):
    user: str | None
    secret: str | None
    servers: tuple[str, ...]


def _authority(parts: SplitResult) -> _Authority:
    before, _, hosts = parts.netloc.rpartition("@")
    user, _, secret = before.partition(":")
    servers = tuple(hosts.split(","))
    wrong = [each for each in servers if not _is_host_and_port(each)]
    if wrong or parts.path not in ("", "/"):
        raise ConfigurationError([f"bus: {parts.path or wrong[0]!r}; {EXPECTED}"])
    return _Authority(unquote(user) or None, unquote(secret) or None, servers)


def _is_host_and_port(server: str) -> bool:
    host, _, port = server.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - KAFKA_OPTIONS)
    if unknown:
        raise ConfigurationError(
            [
                f"bus: unknown option {each!r}; there are {', '.join(sorted(KAFKA_OPTIONS))}"
                for each in unknown
            ]
        )
    return options
