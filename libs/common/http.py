"""Outgoing HTTP that cannot be led into a private network.

Whoever writes a feed, a webhook address or a redirect chooses where this process connects to. So
each connection resolves its host once, drops every address that is not public, and connects to an
address that passed: what was checked is what is used, on every hop of every redirect. Checking at
the connection keeps the host in the URL, hence in `Host`, in SNI and in the certificate's check.

The environment's proxy settings are ignored, since a proxy would do the resolving. `SSL_CERT_FILE`
and `SSL_CERT_DIR` are honoured.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

import httpcore
import httpx

from libs.common.errors import AddressRefused

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to IP addresses, the preferred one first. Raises OSError when there is none."""
Permits: TypeAlias = Callable[[str], bool]
"""Whether a connection to this IP address may be made."""

_GLOBAL_UNICAST: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")
_NEVER_PUBLIC: Final = (
    ip_network("192.0.0.0/24"),  # protocol assignments; older Pythons know only parts of it
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("168.63.129.16/32"),  # the metadata service of Azure's machines
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet.

    Loopback, private, link-local, shared (CGNAT), multicast, reserved and documentation addresses
    are not, and neither is an IPv6 address that carries one of those as an IPv4 address (mapped,
    compatible, NAT64, 6to4, Teredo). Text that is no address is not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public_v4(parsed)
    carried = _carried_v4(parsed)
    if carried is not None:
        return all(map(_is_public_v4, carried))
    return parsed in _GLOBAL_UNICAST and parsed.is_global and not parsed.is_multicast


def _is_public_v4(address: IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER_PUBLIC)
    )


def _carried_v4(address: IPv6Address) -> tuple[IPv4Address, ...] | None:
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return None


async def resolve_with_system(host: str, port: int) -> Sequence[str]:
    """Addresses from the system's resolver, in its order, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def open_client(
    *,
    user_agent: str,
    allow_private: bool = False,
    timeout: float = 20.0,
    resolve: Resolve = resolve_with_system,
    permits: Permits = is_public,
) -> httpx.AsyncClient:
    """A client for addresses we do not control; close it after use.

    timeout: seconds for connecting, and for each wait while sending and reading; not for the
    whole request. Redirects are followed only where a request asks for it. No cookies are kept,
    so that one answer never changes the next request. Requests raise AddressRefused when every
    address of the host is refused, else the exceptions of httpx.
    """
    context = httpx.create_ssl_context()
    backend = _PinnedBackend(resolve, (lambda _: True) if allow_private else permits)
    return httpx.AsyncClient(
        transport=_PinnedTransport(context, backend),
        headers={"User-Agent": user_agent},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=timeout,
        trust_env=False,
    )


class _PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool that connects through the given backend."""

    def __init__(self, context: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=context)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=200,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to an address that it resolved and checked itself."""

    def __init__(self, resolve: Resolve, permits: Permits) -> None:
        self._resolve = resolve
        self._permits = permits
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._permitted(host, port)
                return await self._connect(addresses, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection to {host} in {timeout} s") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("no request goes to a socket file")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _permitted(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from error
        permitted = [address for address in addresses if self._permits(address)]
        if addresses and not permitted:
            raise AddressRefused(f"{host} leads to {addresses[0]}, which is no public address")
        return permitted

    async def _connect(
        self,
        addresses: Sequence[str],
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        failure = httpcore.ConnectError("the host has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure
