"""Worry: a person has given a hint. Every hint passes: there is no such thing as too many."""

from __future__ import annotations

import msgspec

from services.alert.detector import Finding, Voice


class Worry(msgspec.Struct):
    """Remembers nothing: a hint is never one too many."""

    def fold(self, voice: Voice) -> Finding | None:
        if voice.mention.kind != "hint":
            return None
        return Finding(detector="worry", at=voice.at, surprise=0.0, numbers={})
