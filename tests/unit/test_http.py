"""Outgoing requests reach public addresses only, and the address that was checked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from libs.common.errors import AddressRefused
from libs.common.http import Resolve, is_public, open_client


class Server:
    """Answers every request with the same bytes and keeps what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(request.decode())
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


def ok(body: str = "hello") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def found(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def resolving(**addresses: Sequence[str]) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses.get(host.split(".")[0], ())

    return resolve


PUBLIC = (
    "93.184.215.14",
    "8.8.8.8",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
)
NOT_PUBLIC = (
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:808:808:0:0:f5ff:fffe",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
    "localhost",
    "",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_private_special_and_disguised_addresses_are_not(address: str) -> None:
    assert not is_public(address)


async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    async with serving(ok()) as server, open_client(user_agent="t") as client:
        for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
            with pytest.raises(AddressRefused):
                await client.get(f"http://{host}:{server.port}/")
    assert server.requests == []


async def test_a_public_name_with_a_private_address_is_refused() -> None:
    resolve = resolving(rebound=["10.0.0.7"])
    async with open_client(user_agent="t", resolve=resolve) as client:
        with pytest.raises(AddressRefused, match=r"rebound\.example leads to 10\.0\.0\.7"):
            await client.get("http://rebound.example/")


async def test_allow_private_reaches_the_loopback_and_keeps_the_name() -> None:
    resolve = resolving(forum=["127.0.0.1"])
    client = open_client(user_agent="Brandmelder", allow_private=True, resolve=resolve)
    async with serving(ok()) as server, client:
        answer = await client.get(f"http://forum.example:{server.port}/feed")
    assert (answer.status_code, answer.text) == (200, "hello")
    assert answer.url == f"http://forum.example:{server.port}/feed"
    assert f"host: forum.example:{server.port}\r\n" in server.requests[0].lower()
    assert "user-agent: brandmelder\r\n" in server.requests[0].lower()


async def test_a_redirect_into_a_private_network_is_refused() -> None:
    resolve = resolving(open=["127.0.0.1"], inner=["127.0.0.2"])

    def only_first(address: str) -> bool:
        return address == "127.0.0.1"

    client = open_client(user_agent="t", resolve=resolve, permits=only_first)
    async with serving(found("http://inner.example/secret")) as server, client:
        with pytest.raises(AddressRefused, match=r"inner\.example"):
            await client.get(f"http://open.example:{server.port}/", follow_redirects=True)
        assert len(server.requests) == 1


async def test_the_checked_address_is_used_even_when_the_name_changes_its_mind() -> None:
    answers = iter((["127.0.0.1"], ["10.0.0.7"]))

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    client = open_client(
        user_agent="t", resolve=rebinding, permits=lambda address: address == "127.0.0.1"
    )
    async with serving(ok()) as server, client:
        assert (await client.get(f"http://a.example:{server.port}/")).text == "hello"
        assert next(answers) == ["10.0.0.7"]


async def test_a_refused_address_among_good_ones_is_skipped() -> None:
    resolve = resolving(mixed=["10.0.0.7", "127.0.0.1"])
    client = open_client(
        user_agent="t", resolve=resolve, permits=lambda address: address == "127.0.0.1"
    )
    async with serving(ok()) as server, client:
        assert (await client.get(f"http://mixed.example:{server.port}/")).text == "hello"


async def test_a_dead_address_gives_way_to_the_next() -> None:
    resolve = resolving(two=["127.0.0.3", "127.0.0.1"])
    client = open_client(user_agent="t", allow_private=True, resolve=resolve)
    async with serving(ok()) as server, client:
        assert (await client.get(f"http://two.example:{server.port}/")).text == "hello"


async def test_an_unknown_name_is_a_connection_error() -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    async with open_client(user_agent="t", resolve=nowhere) as client:
        with pytest.raises(httpx.ConnectError, match=r"cannot resolve gone\.example"):
            await client.get("http://gone.example/")


async def test_a_silent_resolver_is_a_timeout() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    async with open_client(user_agent="t", timeout=0.05, resolve=silent) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("http://slow.example/")


async def test_tls_asks_for_the_name_and_not_for_the_address() -> None:
    hello = asyncio.get_running_loop().create_future()

    async def keep_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.set_result(await reader.read(4096))
        writer.close()

    listener = await asyncio.start_server(keep_hello, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    resolve = resolving(secure=["127.0.0.1"])
    async with (
        listener,
        open_client(user_agent="t", allow_private=True, resolve=resolve) as client,
    ):
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://secure.example:{port}/")
    assert b"secure.example" in await hello


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok("proxied")) as proxy, serving(ok("direct")) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with open_client(user_agent="t", allow_private=True) as client:
            answer = await client.get(f"http://127.0.0.1:{server.port}/")
    assert (answer.text, proxy.requests) == ("direct", [])


async def test_cookies_are_not_kept() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: seen=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    client = open_client(user_agent="t", allow_private=True)
    async with serving(answer) as server, client:
        for _ in range(2):
            await client.get(f"http://127.0.0.1:{server.port}/")
    assert len(server.requests) == 2
    assert "cookie:" not in "".join(server.requests).lower()
