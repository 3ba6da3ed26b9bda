"""The trained numbers: small integers in two tables, and how they become probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from libs.common.errors import ConfigurationError
from libs.common.events import LABELS

LANGUAGES: Final = ("de", "en")
"""The languages that are told apart; what is neither is the third outcome."""
TAG_SHIFT: Final = 24
"""The upper eight bits of a feature's hash are its tag, the lowest ones its slot."""
FEATURES: Final = 1
"""Which features the weights are for; another number whenever `features.py` makes other ones."""
SHIPPED: Final = "linear.npz"


@dataclass(frozen=True, slots=True)
class Head:
    """One table with what turns sums of its weights into logits.

    slots: int8, (2**k, 1 + outcomes); column 0 is the tag, bit for bit an unsigned byte.
    scale, bias: per outcome; a logit is scale · sum + bias.
    """

    slots: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """The whole model.

    labels: outcomes are LABELS, then LANGUAGES. themes: outcomes are `theme_names`.
    slope, intercept: per label; its probability is the logistic function of slope · logit +
    intercept (Platt 1999). advantage: per label, added to its probability before the largest makes
    the primary label. theme_names: as the rules name them.
    """

    name: str
    labels: Head
    themes: Head
    slope: NDArray[np.float32]
    intercept: NDArray[np.float32]
    advantage: NDArray[np.float32]
    theme_names: tuple[str, ...]


def tag_of(hashed: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The tags of features, never 0: that is the tag of an empty slot."""
    tags: NDArray[np.uint8] = np.maximum(hashed >> np.uint32(TAG_SHIFT), 1).astype(np.uint8)
    return tags


def pack(weights: Weights) -> bytes:
    """The model as a file."""
    file = BytesIO()
    np.savez_compressed(
        file,
        name=np.array(weights.name),
        features=np.array(FEATURES),
        theme_names=np.array(weights.theme_names),
        **{name: getattr(weights, name) for name in _ARRAYS},
        **{
            f"{head}_{part}": getattr(getattr(weights, head), part)
            for head in ("labels", "themes")
            for part in ("slots", "scale", "bias")
        },
    )
    return file.getvalue()


def unpack(file: bytes, name: str) -> Weights:
    """The model in a file that `pack` made. Raises ConfigurationError, which names the file, for
    any other."""
    try:
        with np.load(BytesIO(file), allow_pickle=False) as arrays:
            weights = Weights(
                name=str(arrays["name"]),
                labels=_head("labels", arrays),
                themes=_head("themes", arrays),
                theme_names=tuple(map(str, arrays["theme_names"])),
                **{name: arrays[name] for name in _ARRAYS},
            )
            _check(weights, int(arrays["features"]))
            return weights
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise ConfigurationError([f"{name}: not a model of the classifier: {error}"]) from error


def _head(name: str, arrays: Mapping[str, NDArray[Any]]) -> Head:
    return Head(arrays[f"{name}_slots"], arrays[f"{name}_scale"], arrays[f"{name}_bias"])


def _check(weights: Weights, features: int) -> None:
    """Raises ValueError for numbers that the compiled code must not be given."""
    if features != FEATURES:
        raise ValueError(f"made for features {features}, these are {FEATURES}: train it anew")
    labels, themes = len(LABELS), len(weights.theme_names)
    for head, outcomes in ((weights.labels, labels + len(LANGUAGES)), (weights.themes, themes)):
        slots = head.slots
        count = slots.shape[0]
        fits = slots.dtype == np.int8 and slots.shape == (count, 1 + outcomes)
        if not fits or count & (count - 1) or not slots.flags.c_contiguous:
            raise ValueError(f"a table of {slots.dtype} with the shape {slots.shape}")
        if head.scale.shape != (outcomes,) or head.bias.shape != (outcomes,):
            raise ValueError("scale and bias do not fit their table")
    per_label = (weights.slope, weights.intercept, weights.advantage)
    if any(array.shape != (labels,) for array in per_label):
        raise ValueError("the numbers per label do not fit")


def shipped() -> Weights:
    """The model in this package. Raises ConfigurationError when it is missing or broken."""
    try:
        file = (files("services.classify.linear") / SHIPPED).read_bytes()
    except OSError as error:
        raise ConfigurationError([f"the classifier's model is missing: {error}"]) from error
    return unpack(file, SHIPPED)


def digest(weights: Weights) -> str:
    """Eight hex digits that name a model's exact numbers."""
    hasher = hashlib.blake2b(digest_size=4)
    for head in (weights.labels, weights.themes):
        for array in (head.slots, head.scale, head.bias):
            hasher.update(array.tobytes())
    for name in _ARRAYS:
        hasher.update(getattr(weights, name).tobytes())
    return hasher.hexdigest()


_ARRAYS: Final = ("slope", "intercept", "advantage")
