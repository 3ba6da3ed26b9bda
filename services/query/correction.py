"""What a person says a mention is, beside what the classifier says.

Decided here, on values only. The verdict stays as the model gave it; the mention is shown and found
by the person's word for as long as that is not taken back, whatever becomes of text and verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from libs.common.events import ClassifiedMention, Label, to_json
from libs.common.problems import FieldError
from libs.common.taxonomy import Theme

CRISIS_FROM: Final = 0.5
"""The least severity of a crisis candidate, and the most of what is none and nobody judged."""
_HARMLESS: Final[frozenset[Label]] = frozenset({"praise", "other"})


class Correction(NamedTuple):
    """A person's word on one mention.

    severity: 0 to 1; None leaves it to the classifier, within what the label allows.
    theme: of a crisis candidate, where the person says so. cues: the parts of title or text that
    decide. note: for colleagues.
    """

    label: Label
    severity: float | None
    theme: Theme | None
    cues: tuple[str, ...]
    note: str | None
    by: str
    at: datetime

    @property
    def mark(self) -> Mark:
        return Mark(self.label, self.severity, self.by, self.at)

    def keeping(
        self, before: Correction, sent: Collection[str], mention: ClassifiedMention
    ) -> Correction:
        """As it is kept after `before`. With the same label, what was not sent stays as it was, as
        far as cues still stand in the mention; another label begins anew.

        sent: names of the fields that the person filled in now.
        """
        if before.label != self.label:
            return self
        kept = self
        if "severity" not in sent:
            kept = kept._replace(severity=before.severity)
        if "theme" not in sent:
            kept = kept._replace(theme=before.theme)
        if "note" not in sent:
            kept = kept._replace(note=before.note)
        if "cues" not in sent:
            gone = missing_cues(mention, before.cues)
            cues = tuple(cue for n, cue in enumerate(before.cues) if n not in gone)
            kept = kept._replace(cues=cues)
        return kept


class Mark(NamedTuple):
    """Of a correction what is shown with its mention."""

    label: Label
    severity: float | None
    by: str
    at: datetime


class Corrected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person says: the label, and the severity that follows from it. theme, cues and note
    stand only where one mention is shown alone."""

    label: Label
    severity: float
    by: str
    at: datetime
    theme: Theme | None = None
    cues: tuple[str, ...] = ()
    note: str | None = None


class ShownMention(ClassifiedMention, frozen=True, kw_only=True):
    """A mention as the API answers it. `classification` is the model's in any case."""

    corrected: Corrected | None = None


_DECODER: Final = msgspec.json.Decoder(ShownMention)


def shown_of(body: bytes) -> ShownMention:
    """The mention that a body is, as `shown` made it."""
    return _DECODER.decode(body)


def shown(mention: ClassifiedMention, said: Mark | Correction | None) -> ClassifiedMention:
    """The mention with what a person says."""
    if said is None:
        return mention
    fields = asdict(mention) | {"corrected": corrected(said, mention.classification.severity)}
    return ShownMention(**fields)


def shown_body(body: bytes, said: Mark | Correction | None) -> bytes:
    """As `shown`, on the stored JSON."""
    return body if said is None else to_json(shown(shown_of(body), said))


def corrected(said: Mark | Correction, classified: float) -> Corrected:
    """classified: the severity that the classifier gave."""
    severity = severity_of(said.label, said.severity, classified)
    found = Corrected(label=said.label, severity=severity, by=said.by, at=said.at)
    if isinstance(said, Mark):
        return found
    return replace(found, theme=said.theme, cues=said.cues, note=said.note)


def severity_of(label: Label, said: float | None, classified: float) -> float:
    """The severity of what a person labelled: what the person said, else the classifier's, as far
    as it fits the label."""
    if label in _HARMLESS:
        return 0.0
    if said is not None:
        return said
    if label == "crisis_candidate":
        return max(classified, CRISIS_FROM)
    return min(classified, CRISIS_FROM)


def contradictions(correction: Correction) -> list[FieldError]:
    """What in a correction does not go together."""
    label, severity = correction.label, correction.severity
    found: list[FieldError] = []
    if severity and label in _HARMLESS:
        found.append(FieldError("#/severity", f"Expected 0 or nothing for {label}."))
    if severity is not None and label == "crisis_candidate" and severity < CRISIS_FROM:
        detail = f"Expected {CRISIS_FROM} or more for a crisis candidate."
        found.append(FieldError("#/severity", detail))
    if correction.theme is not None and label != "crisis_candidate":
        found.append(FieldError("#/theme", "Expected none: only crisis candidates have a theme."))
    return found


def missing_cues(mention: ClassifiedMention, cues: Sequence[str]) -> list[int]:
    """Positions of the cues that stand neither in the title nor in the text."""
    title = mention.title or ""
    return [n for n, cue in enumerate(cues) if cue not in mention.text and cue not in title]


def text_hash(mention: ClassifiedMention) -> str:
    """Equal as long as nobody edits title or text."""
    written = msgspec.json.encode((mention.title or "", mention.text))
    return hashlib.blake2b(written, digest_size=16).hexdigest()
