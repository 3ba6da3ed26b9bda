"""Which classifier serves: the trained one, or the rules alone where its model is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from libs.common.errors import ConfigurationError
from services.classify.classifier import Classifier, Utterance
from services.classify.rules import load_rules

_FIRST: Final = "Rückruf: Die Bremse versagt!"
"""Has a theme and reasons, so that every part is used once before the service is ready."""

log = structlog.get_logger(__name__)


def load_classifier(lexicons: Sequence[Path] = (), model: Path | None = None) -> Classifier:
    """The classifier with the shipped model, or with that in the file `model`.

    lexicons: own files, added to the shipped ones. Without the shipped model the rules serve.
    Raises ConfigurationError for a bad lexicon or an own model that cannot be read.
    """
    # Compiled code takes a second and 80 MB to import: whoever classifies nothing is spared.
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


def _file(model: Path) -> bytes:
    try:
        return model.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{model}: cannot be read: {error.strerror}"]) from error
