"""Judges the classifier and writes what it found into the model card: `make evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from libs.common.events import LABELS, Classification
from services.classify.classifier import Classifier, Utterance
from services.classify.linear.features import texts
from services.classify.load import load_classifier
from services.classify.rules import load_rules
from training.corpus import Language
from training.features import Features
from training.fitting import fit
from training.gold import GoldText, cohens_kappa, read_gold
from training.meanings import read_meanings
from training.measures import calibration_error, interval, macro_f1, score
from training.plot import plot_calibration
from training.public import complaint_tweets, railway_mentions
from training.train import CRISIS, LABEL_SLOTS

FOLDER: Final = Path(__file__).parent
CARD: Final = FOLDER / "MODEL_CARD.md"
PLOT: Final = FOLDER / "calibration.png"
BEGIN: Final = "<!-- written by make evaluate -->"
END: Final = "<!-- end -->"
WORST: Final = 5
"""So many of the errors it was surest of are shown per language."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Gold texts in one language with the verdicts on them."""

    lang: Language
    texts: Sequence[GoldText]
    verdicts: Sequence[Classification]

    @property
    def true(self) -> NDArray[np.int64]:
        return np.array([LABELS.index(text.label) for text in self.texts])

    @property
    def found(self) -> NDArray[np.int64]:
        return np.array([LABELS.index(verdict.label) for verdict in self.verdicts])

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability that each verdict gives its own label."""
        return np.array([verdict.scores[verdict.label] for verdict in self.verdicts])


def judged(classifier: Classifier, lang: Language) -> Judged:
    """The classifier's verdicts on the gold texts; it is not told their language."""
    gold = read_gold(lang)
    subjects = [Utterance(text=text.text, kind=text.kind) for text in gold]
    return Judged(lang, gold, classifier.classify(subjects))


def report(
    classifier: Classifier, before: Classifier, public: Path | None, plot: Path | None
) -> str:
    """The model card's figures, in Markdown. plot: where the calibration plot goes."""
    both = [judged(classifier, lang) for lang in get_args(Language)]
    earlier = [judged(before, lang) for lang in get_args(Language)]
    parts = [f"Model `{classifier.name}`, compared with `{before.name}`.", *_summary(both, earlier)]
    for one in both:
        parts += [f"### Gold, {one.lang}", *_labels(one), *_confusion(one), *_worst(one)]
    if public is not None:
        parts += ["### Public data", *_public(classifier, before, public)]
    if plot is not None:
        plot_calibration([(one.lang, one.confidence, one.found == one.true) for one in both], plot)
        parts.append(f"![How often a verdict of a given probability is right]({plot.name})")
    return "\n\n".join(parts)


def _summary(both: Sequence[Judged], earlier: Sequence[Judged]) -> Iterator[str]:
    rows = []
    for one, old in zip(both, earlier, strict=True):
        true, found = one.true, one.found

        def macro(rows: NDArray[np.int64], found: NDArray[np.int64] = found) -> float:
            return macro_f1(found[rows], true[rows], len(LABELS))  # noqa: B023

        low, high = interval(macro, true.size)
        crisis = score(found == CRISIS, true == CRISIS)
        right = np.mean([verdict.lang == one.lang for verdict in one.verdicts])
        rows.append(
            [
                one.lang,
                f"{macro_f1(found, true, len(LABELS)):.3f} ({low:.3f}–{high:.3f})",
                f"{macro_f1(old.found, old.true, len(LABELS)):.3f}",
                f"{crisis.recall:.3f}",
                f"{crisis.precision:.3f}",
                f"{calibration_error(one.confidence, found == true):.3f}",
                f"{right:.3f}",
                f"{cohens_kappa(one.texts):.3f}",
            ]
        )
    head = ["gold", "macro-F1 (95 %)", "before", "crisis recall", "crisis precision"]
    yield _table([*head, "calibration error", "language", "kappa of the readers"], rows)


def _labels(one: Judged) -> Iterator[str]:
    rows = []
    for k, label in enumerate(LABELS):
        s = score(one.found == k, one.true == k)
        f1 = f"{s.f1:.3f} ({s.low:.3f}–{s.high:.3f})"
        rows.append([label, f"{s.precision:.3f}", f"{s.recall:.3f}", f1, str(s.support)])
    yield _table(["label", "precision", "recall", "F1 (95 %)", "texts"], rows)


def _confusion(one: Judged) -> Iterator[str]:
    rows = [
        [label, *(str(int(np.sum((one.true == t) & (one.found == f)))) for f in range(len(LABELS)))]
        for t, label in enumerate(LABELS)
    ]
    yield _table(["true ↓ found →", *LABELS], rows)


def _worst(one: Judged) -> Iterator[str]:
    wrong = np.flatnonzero(one.found != one.true)
    surest = wrong[np.argsort(-one.confidence[wrong], kind="stable")][:WORST]
    yield "Surest of its errors:"
    yield "\n".join(
        f"- {one.confidence[i]:.2f} {one.verdicts[i].label}, in truth {one.texts[i].label}: "
        f"{' '.join(one.texts[i].text.split())[:160]}"
        for i in surest
    )


def _public(classifier: Classifier, before: Classifier, folder: Path) -> Iterator[str]:
    rows = []
    for name, rowset in (("all rows", False), ("brand rows", True)):
        tweets, complaint = complaint_tweets(folder, brands_only=rowset)
        value = macro_f1(_five_fold(tweets, complaint), complaint.astype(np.int64), 2)
        rows.append([f"complaints_en, five-fold, {name}", "macro-F1", f"{value:.3f}", "–"])
    mentions, complaint = railway_mentions(folder)
    values = [
        score(_complains(one.classify([Utterance(text=text) for text in mentions])), complaint)
        for one in (classifier, before)
    ]
    measured = [f"{s.f1:.3f} ({s.precision:.2f} / {s.recall:.2f})" for s in values]
    rows.append(["railway_de_dev, never trained on", "complaint F1 (P / R)", *measured])
    yield _table(["data", "measure", "model", "before"], rows)


def _five_fold(read: Sequence[str], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What models say of each text, each of which has learnt from four fifths of the others."""
    meanings, batch, outcome = read_meanings(), texts(read, [0] * len(read)), wanted.astype(np.int8)
    found = np.zeros(len(read), np.int64)
    for learnt, tested in StratifiedKFold(5, shuffle=True, random_state=1).split(read, wanted):
        features = Features(batch.only(learnt), LABEL_SLOTS, meanings)
        rows = features.matrix(batch)
        found[tested] = fit(rows[learnt], outcome[learnt]).logits(rows[tested]) > 0
    return found


def _complains(verdicts: Sequence[Classification]) -> NDArray[np.bool_]:
    return np.array([one.label in ("complaint", "crisis_candidate") for one in verdicts])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put_into(card: str, figures: str) -> str:
    """The card with these figures between its marks. Raises ValueError without marks."""
    before, found, rest = card.partition(BEGIN)
    _, ends, after = rest.partition(END)
    if not found or not ends:
        raise ValueError(f"expected {BEGIN} and {END} in the model card")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


@click.command()
@click.option("--public", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--model", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--before", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def main(public: Path | None, model: Path | None, before: Path | None) -> None:
    """Judge a model, print the figures, and write the shipped model's into its card.

    public: a folder with the public data sets. model: another model than the shipped one; then
    nothing is written. before: a model to compare with; the rules unless told otherwise.
    """
    earlier = load_rules() if before is None else load_classifier(model=before)
    is_shipped = model is None and before is None
    figures = report(load_classifier(model=model), earlier, public, PLOT if is_shipped else None)
    click.echo(figures)
    if is_shipped:
        CARD.write_text(put_into(CARD.read_text("utf-8"), figures), "utf-8")


if __name__ == "__main__":
    main()
