"""Classifying in a child process, which has a core of its own, and alone holds the trained model
with the compiled code: as much memory as all the rest."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, Self

import msgspec

from libs.common.child.process import ChildProcess, Job, Limits
from libs.common.events import Classification, Mention
from services.classify.classifier import Classifier, Utterance
from services.classify.load import OwnFiles, load_classifier
from services.classify.tagging import Tagged, tagged

LIMITS: Final = Limits(seconds=120.0)
"""Classifying takes milliseconds, compiling the code where none was kept, most of a minute."""


class RunsJobs(Protocol):
    """A child process that has begun with `load`: see `libs/common/child/process.py`."""

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes: ...


def child_with(own: OwnFiles) -> ChildProcess:
    """A child process that classifies, with these files in place of what they may become."""
    return ChildProcess(LIMITS, first=Job(load, _ENCODER.encode(own)))


class Apart:
    """Implements `Tagger` and `Classifies` in a child process.

    A child that dies makes its batch Retryable: classifying has no effects, so it is done again.
    """

    def __init__(self, name: str, child: RunsJobs) -> None:
        """name: of the classifier in the child."""
        self.name: Final = name
        self._child = child

    @classmethod
    async def begin(cls, child: RunsJobs) -> Self:
        """Starts the child. Raises ChildLost when it cannot begin."""
        return cls((await child.run(name, b"")).decode(), child)

    async def tag(self, mentions: Sequence[Mention]) -> Tagged:
        return _TAGGED.decode(await self._child.run(tag, _ENCODER.encode(mentions)))

    async def classify(self, texts: Sequence[Utterance]) -> list[Classification]:
        return _VERDICTS.decode(await self._child.run(classify, _ENCODER.encode(texts)))


# What runs in the child.

_loaded: list[Classifier] = []
"""The classifier, once `load` has run."""


def load(payload: bytes) -> bytes:
    """The first job: loads the classifier with the OwnFiles of the payload, in MessagePack."""
    own = _OWN_FILES.decode(payload)
    _loaded[:] = [load_classifier() if own == OwnFiles() else _load(own)]
    gc.collect()
    gc.freeze()  # it stays, and batches hold no cycles: the collector need not look so often
    gc.set_threshold(50_000, 20, 100)
    return b""


def _load(own: OwnFiles) -> Classifier:
    with TemporaryDirectory() as folder:
        lexicons = [_put(Path(folder, str(n)), lexicon) for n, lexicon in enumerate(own.lexicons)]
        model = None if own.model is None else _put(Path(folder, "model"), own.model)
        return load_classifier(lexicons, model)


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def name(_payload: bytes) -> bytes:
    """What the classifier is called."""
    return _loaded[0].name.encode()


def tag(payload: bytes) -> bytes:
    """From mentions to a Tagged, both in MessagePack."""
    return _ENCODER.encode(tagged(_MENTIONS.decode(payload), _loaded[0]))


def classify(payload: bytes) -> bytes:
    """From utterances to verdicts, both in MessagePack."""
    return _ENCODER.encode(_loaded[0].classify(_TEXTS.decode(payload)))


_ENCODER: Final = msgspec.msgpack.Encoder()
_OWN_FILES: Final = msgspec.msgpack.Decoder(OwnFiles)
_MENTIONS: Final = msgspec.msgpack.Decoder(list[Mention])
_TEXTS: Final = msgspec.msgpack.Decoder(list[Utterance])
_TAGGED: Final = msgspec.msgpack.Decoder(Tagged)
_VERDICTS: Final = msgspec.msgpack.Decoder(list[Classification])
