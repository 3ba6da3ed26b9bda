"""Replaces in one pass over a text, by patterns that PCRE2 turns into machine code."""

from __future__ import annotations

import pcre2


class Substitution:
    """A verbose pattern of PCRE2 over bytes, and what takes the place of each match.

    replacement: in the extended syntax of PCRE2, where `${1:+a:b}` is `a` if group 1 matched, else
    `b`.
    """

    def __init__(self, pattern: str, replacement: bytes) -> None:
        source = pattern.encode("latin-1")
        self._replacement = replacement
        try:
            self._pattern = pcre2.compile(source, pcre2.VERBOSE)
        except pcre2.LibraryError:  # the system allows no machine code made at run time
            self._pattern = pcre2.compile(source, pcre2.VERBOSE, jit=False)

    def __call__(self, text: bytes) -> tuple[bytes, int] | None:
        """The text with all matches replaced, and how many there were; None if that is too much
        for the limits of PCRE2."""
        try:
            replaced, times = self._pattern.subn(self._replacement, text)
        except pcre2.LibraryError:
            return None
        return bytes(replaced), int(times)
