"""The calibration plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from training.measures import calibration_error, reliability


def plot_calibration(
    sets: Sequence[tuple[str, NDArray[np.float64], NDArray[np.bool_]]], file: Path
) -> None:
    """Draws, per set, the share of right verdicts over their probability. On the diagonal a
    verdict is right as often as it says. The area of a dot is how many verdicts it stands for."""
    mpl.use("svg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="probability", ylabel="share that is right")
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=1)
    for (name, probability, right), colour in zip(sets, ("#b3261e", "#1f5fa8"), strict=False):
        points = np.array(reliability(probability, right))
        error = calibration_error(probability, right)
        axes.plot(points[:, 0], points[:, 1], color=colour, linewidth=1)
        areas = 600 * points[:, 2] / right.size
        label = f"{name}, calibration error {error:.3f}"
        axes.scatter(points[:, 0], points[:, 1], areas, color=colour, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(file, dpi=110, metadata={"Software": None})
