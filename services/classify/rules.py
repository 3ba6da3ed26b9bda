"""The classifier by rules: lexicons, one search per text, and plain arithmetic.

It needs no training, explains itself, and stays behind any trained model as its fallback and as
the guard for the worst themes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from libs.common.events import Classification
from services.classify.classifier import Subject
from services.classify.cues import CueIndex, Entry
from services.classify.grave import GraveCues
from services.classify.language import KNOWN, Detector, Known, from_platform
from services.classify.lexicon import Lexicon, entries, read_lexicon
from services.classify.reading import Reading, read
from services.classify.verdict import Examined, examined, kinds, ratings
from services.classify.weigh import weigh, weigh_noise

VERSION: Final = "rules-1"
WORST: Final = 0.7
"""From this severity on the rules decide, whatever another classifier says."""


class RulesClassifier:
    """Tags texts by the cues of its lexicons."""

    def __init__(self, lexicons: Sequence[Lexicon], name: str = VERSION) -> None:
        self.name = name
        german = [lexicon for lexicon in lexicons if lexicon.language != "en"]
        english = [lexicon for lexicon in lexicons if lexicon.language != "de"]
        self._cues: dict[Known, CueIndex] = {"de": CueIndex(german), "en": CueIndex(english)}
        self._grave = GraveCues(entry for index in self._cues.values() for entry in index.entries)
        self._detector = Detector(
            *(
                [word for one in lexicons if one.language == language for word in _words(one)]
                for language in ("de", "en", "any")
            )
        )

    def classify(
        self, subjects: Sequence[Subject], *, reasons: bool = True
    ) -> list[Classification]:
        """The reasons come with the work, so they are always given."""
        return [self._classify(subject) for subject in subjects]

    def examine(self, subject: Subject, lang: str | None) -> Examined:
        """What the rules see in a text of this language, for another classifier to use."""
        reading = read(subject.title, subject.text)
        return self._read_as("en" if lang == "en" else "de", subject, reading)

    def may_be_grave(self, text: str) -> bool:
        """False when no cue of a grave theme is in the text; a quick look before `examine`."""
        return self._grave.may_stand_in(text)

    def severities(self) -> dict[str, float]:
        """How bad each theme is when it is true, 0 to 1."""
        entries = [entry for index in self._cues.values() for entry in index.entries]
        return {
            name: max(entry.severity for entry in entries if entry.name == name)
            for name in {entry.name for entry in entries if entry.severity}
        }

    def entries(self, language: Known) -> Sequence[Entry]:
        """Every cue that texts in this language are searched for."""
        return self._cues[language].entries

    def _classify(self, subject: Subject) -> Classification:
        reading = read(subject.title, subject.text)
        lang = from_platform(subject.lang) or self._detector.detect(reading.text, reading.words)
        if lang == "de":
            return self._read_as("de", subject, reading).verdict(lang, self.name)
        if lang == "en":
            return self._read_as("en", subject, reading).verdict(lang, self.name)
        # Neither language: whatever either lexicon finds beats finding nothing.
        seen = [self._read_as(known, subject, reading) for known in KNOWN]
        return min(seen, key=lambda one: one.scores["other"]).verdict(lang, self.name)

    def _read_as(self, known: Known, subject: Subject, reading: Reading) -> Examined:
        found = self._cues[known].find(reading)
        evidence = weigh(found, reading)
        if subject.rating is not None or subject.kind != "post":
            evidence = [*evidence, *ratings(subject.rating), *kinds(subject.kind)]
        noise = weigh_noise(found) if found.noise else []
        followers = subject.author.followers if subject.author else None
        return examined(evidence, noise, found, reading, followers=followers)


def load_rules(own: Sequence[Path] = ()) -> RulesClassifier:
    """The classifier with the shipped lexicons and, added to them, `own` lexicon files.

    Own files show in the name, so that verdicts can be told apart. Raises ConfigurationError
    with every finding in a file.
    """
    with as_file(files("services.classify.lexicons")) as folder:
        lexicons = [read_lexicon(path) for path in sorted(folder.glob("*.yaml"))]
    lexicons += [read_lexicon(path) for path in own]
    if not own:
        return RulesClassifier(lexicons)
    digest = hashlib.blake2b(b"\0".join(path.read_bytes() for path in own), digest_size=4)
    return RulesClassifier(lexicons, f"{VERSION}+{digest.hexdigest()}")


def _words(lexicon: Lexicon) -> list[str]:
    return list(entries(lexicon.function_words))
