"""Tagging in a child process, which has a core of its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from libs.common.errors import JobFailed
from libs.common.events import Mention
from services.classify.classifier import Classifier
from services.classify.load import load_classifier
from services.classify.tagging import InPlace, Tagged, tagged

log = structlog.get_logger(__name__)

WORTH_IT: Final = 200
"""Fewer mentions are tagged sooner than handed over, and need no child to be started."""


class RunsJobs(Protocol):
    """A child process: see `libs/common/child/process.py`."""

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes: ...


class Job(msgspec.Struct, frozen=True, array_like=True):
    """What the child is asked: to tag these as this model does.

    lexicons, model: own files that the classifier was loaded with. name: what they made.
    """

    lexicons: tuple[str, ...]
    model: str | None
    name: str
    mentions: Sequence[Mention]


class Apart:
    """Implements `Tagger` in a child process; a handful is tagged in this one.

    A child that dies makes its batch Retryable: tagging has no effects, so it is done again.
    """

    def __init__(
        self,
        classifier: Classifier,
        lexicons: Sequence[Path],
        model: Path | None,
        child: RunsJobs,
    ) -> None:
        """lexicons, model: own files that the classifier was loaded with."""
        self._here = InPlace(classifier)
        self._name = classifier.name
        self._lexicons = tuple(str(path) for path in lexicons)
        self._model = None if model is None else str(model)
        self._child = child

    async def tag(self, mentions: Sequence[Mention]) -> Tagged:
        if len(mentions) < WORTH_IT:
            return await self._here.tag(mentions)
        job = Job(self._lexicons, self._model, self._name, mentions)
        try:
            return _ANSWER.decode(await self._child.run(run, _ENCODER.encode(job)))
        except JobFailed as error:
            # A file was changed since the start; or it fails here too, and shows why.
            log.warning("tagged without the child process", reason=str(error))
            return await self._here.tag(mentions)


def run(payload: bytes) -> bytes:
    """The job in the child: from a Job to a Tagged, both in MessagePack.

    Raises ValueError when the files no longer make the classifier that was asked for.
    """
    job = _JOB.decode(payload)
    classifier = _loaded(job.lexicons, job.model)
    if classifier.name != job.name:
        raise ValueError(f"asked for {job.name}, but the files make {classifier.name}")
    return _ENCODER.encode(tagged(job.mentions, classifier))


@cache
def _loaded(lexicons: tuple[str, ...], model: str | None) -> Classifier:
    classifier = load_classifier([Path(path) for path in lexicons], Path(model) if model else None)
    gc.collect()
    gc.freeze()  # it stays, and batches hold no cycles: the collector need not look so often
    gc.set_threshold(50_000, 20, 100)
    return classifier


_ENCODER: Final = msgspec.msgpack.Encoder()
_JOB: Final = msgspec.msgpack.Decoder(Job)
_ANSWER: Final = msgspec.msgpack.Decoder(Tagged)
