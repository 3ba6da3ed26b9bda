"""Which classifier serves: the trained one, or the rules alone where its model is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from libs.common.errors import ConfigurationError
from services.classify.classifier import Classifier, Utterance
from services.classify.rules import load_rules

_FIRST: Final = "Rückruf: Die Bremse versagt!"
"""Has a theme and reasons, so that every part is used once before the service is ready."""

log = structlog.get_logger(__name__)


class OwnFiles(msgspec.Struct, frozen=True, array_like=True):
    """Own lexicons and an own model as they are now, whatever becomes of the files."""

    lexicons: tuple[bytes, ...] = ()
    model: bytes | None = None


def load_classifier(lexicons: Sequence[Path] = (), model: Path | None = None) -> Classifier:
    """The classifier with the shipped model, or with that in the file `model`.

    lexicons: own files, added to the shipped ones. Without the shipped model the rules serve.
    Raises ConfigurationError for a bad lexicon or an own model that cannot be read.
    """
    # Compiled code takes a second and 150 MB to import: whoever classifies nothing is spared.
    from services.classify.linear.classifier import TrainedClassifier
    from services.classify.linear.weights import shipped, unpack

    rules = load_rules(lexicons)
    if model is not None:
        weights = unpack(_file(model), str(model))
    else:
        try:
            weights = shipped()
        except ConfigurationError as error:
            log.warning("the rules classify alone", reason=str(error))
            return rules
    classifier = TrainedClassifier(weights, rules)
    classifier.classify([Utterance(text=_FIRST)])  # loads the compiled code, or compiles it
    return classifier


def own_files(lexicons: Sequence[Path] = (), model: Path | None = None) -> OwnFiles:
    """The files for `load_classifier`, looked at without the compiled code.

    Raises ConfigurationError, with every finding, for a bad lexicon or a model that cannot be read.
    """
    own = OwnFiles(tuple(map(_file, lexicons)), None if model is None else _file(model))
    if lexicons:
        load_rules(lexicons)
    if own.model is not None:
        from services.classify.linear.weights import unpack

        unpack(own.model, str(model))
    return own


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
