from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest

from services.ingest.reading.unpack import OverLimit, UnknownCoding, Unpacker

TEXT = b"Die Bremse versagt. " * 500


def unpacked(data: bytes, coding: str, *, limit: int = 100_000, piece: int = 7) -> bytes:
    unpacker = Unpacker(coding, limit)
    for start in range(0, len(data), piece):
        unpacker.feed(data[start : start + piece])
    return unpacker.content()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:])),
        ("gzip", gzip.compress(TEXT) + b"\0" * 30),
        ("gzip", TEXT),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
)
def test_every_coding_we_ask_for_is_unpacked(coding: str, data: bytes, piece: int) -> None:
    assert unpacked(data, coding, piece=piece) == TEXT


def test_a_packed_file_without_a_coding_is_unpacked() -> None:
    assert unpacked(gzip.compress(TEXT), "", piece=100) == TEXT


def bombs() -> Iterator[tuple[str, bytes]]:
    bomb = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    data = b"".join(bomb.compress(bytes(1024 * 1024)) for _ in range(200)) + bomb.flush()
    yield "gzip", data
    yield "deflate", zlib.compress(bytes(50 * 1024 * 1024))


@pytest.mark.parametrize(("coding", "data"), list(bombs()))
def test_a_bomb_is_stopped_at_the_limit(coding: str, data: bytes) -> None:
    assert len(data) < 300_000
    unpacker = Unpacker(coding, 1_000_000)
    with pytest.raises(OverLimit):
        unpacker.feed(data)
    assert len(unpacker.content()) <= 1_000_000


def test_content_of_exactly_the_limit_passes() -> None:
    assert len(unpacked(TEXT, "", limit=len(TEXT))) == len(TEXT)
    with pytest.raises(OverLimit):
        unpacked(TEXT, "", limit=len(TEXT) - 1)


def test_a_stream_that_was_cut_off_gives_what_arrived() -> None:
    unpacker = Unpacker("gzip", 100_000)
    unpacker.feed(gzip.compress(bytes(range(256)) * 300)[:-40])
    assert bytes(range(256)) in unpacker.content()
    assert not unpacker.complete


def test_damage_after_good_content_keeps_the_good() -> None:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    good = packer.compress(TEXT) + packer.flush(zlib.Z_FULL_FLUSH)
    unpacker = Unpacker("gzip", 100_000)
    unpacker.feed(good)
    unpacker.feed(b"\xff" * 50)
    assert unpacker.content() == TEXT
    assert not unpacker.complete


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_a_coding_nobody_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(UnknownCoding):
        Unpacker(coding, 10)
