"""Content codings, unpacked with a limit.

A few kilobytes of gzip can hold gigabytes. Whoever lets a library unpack an answer finds out too
late, so this unpacks piece by piece and stops at the limit.
"""

from __future__ import annotations

import zlib
from typing import Final

_GZIP: Final = 16 + zlib.MAX_WBITS
GZIP_MAGIC: Final = b"\x1f\x8b\x08"


class OverLimit(Exception):
    """The unpacked content is longer than its limit."""


class UnknownCoding(Exception):
    """A content coding nobody asked for, or content that is not in its coding."""


class Unpacker:
    """Turns the bytes of an answer into its content, at most `limit` bytes of it.

    coding: the value of Content-Encoding; `gzip`, `deflate` and none are understood.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding.strip().lower().removeprefix("x-")
        if self._coding not in {"", "identity", "gzip", "deflate"}:
            raise UnknownCoding(f"the content coding {coding!r:.40} was not asked for")
        self._room = limit
        self._limit = limit
        self._zlib: zlib._Decompress | None = None
        self._head: bytes | None = b""
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Raises OverLimit, UnknownCoding."""
        if self._head is not None:
            self._head += data
            if len(self._head) >= len(GZIP_MAGIC):
                self._begin()
            return
        while data:
            data = self._step(data)

    @property
    def complete(self) -> bool:
        """Whether the end of the coding was reached; plain content cannot tell."""
        return self._zlib is None or self._zlib.eof

    def content(self) -> bytes:
        """Everything so far; a stream that was cut off gives what could be unpacked.

        Raises UnknownCoding.
        """
        if self._head is not None:
            self._begin()
        return b"".join(self._pieces)

    def _begin(self) -> None:
        """The first bytes tell what the content really is."""
        data, self._head = self._head or b"", None
        self._zlib = self._decompressor(data) if data else None
        while data:
            data = self._step(data)

    def _decompressor(self, first: bytes) -> zlib._Decompress | None:
        if self._coding == "gzip" or first.startswith(GZIP_MAGIC):
            # Also files that are served packed, as feed.xml.gz is, and servers that forget to
            # say so; one that says gzip and sends plain text is read as plain text.
            return zlib.decompressobj(_GZIP) if first[:1] == GZIP_MAGIC[:1] else None
        if self._coding == "deflate":
            header = int.from_bytes(first[:2].ljust(2, b"\0"), "big")
            wrapped = first[0] & 0x0F == 8 and header % 31 == 0
            return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return None

    def _step(self, data: bytes) -> bytes:
        if self._zlib is None:
            self._keep(data)
            return b""
        try:
            self._keep(self._zlib.decompress(data, self._room + 1))
        except zlib.error as error:
            if self._pieces:
                return b""  # damaged on the way: what came before it is good
            raise UnknownCoding(f"the content is not {self._coding or 'gzip'}: {error}") from error
        if self._zlib.eof:
            rest = self._zlib.unused_data
            if not rest.startswith(GZIP_MAGIC[:1]):
                return b""  # padding after the end
            self._zlib = zlib.decompressobj(_GZIP)  # a further member of the same file
            return rest
        return self._zlib.unconsumed_tail

    def _keep(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise OverLimit(f"more than {self._limit} bytes")
        if piece:
            self._pieces.append(piece)
