"""The critical-difference diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoise.errors import MissingDependencyError
from counterpoise.evaluate.statistics import Ranking

__all__ = ["cliques", "draw_ranking"]


def cliques(ranks: Sequence[float], critical_difference: float) -> list[tuple[int, int]]:
    """Return the widest groups of neighbours that are not told apart: first and last position.

    Parameters
    ----------
    ranks
        Mean ranks, ascending.

    Examples
    --------
    >>> cliques([1.0, 1.5, 3.0, 3.2], 0.6)
    [(0, 1), (2, 3)]
    """
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(
            i for i in range(first, len(ranks)) if ranks[i] - ranks[first] <= critical_difference
        )
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def draw_ranking(ranking: Ranking, title: str, paths: Sequence[Path]) -> None:
    """Draw mean ranks on a line; a bar joins methods that are not told apart.

    Parameters
    ----------
    ranking
        Of two methods or more.
    title
        What was ranked.
    paths
        Where to write; the suffix says in which format.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "Figures need the package matplotlib: pip install 'counterpoise[bench]'.",
            extra="bench",
        ) from error
    names, ranks = [str(name) for name in ranking.mean_ranks.index], list(ranking.mean_ranks)
    n = len(ranks)
    half = (n + 1) // 2
    groups = cliques(ranks, ranking.critical_difference)
    depth = 0.35 * len(groups) + 0.4
    figure = Figure(figsize=(7.5, 1.3 + 0.26 * half + 0.16 * len(groups)))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.86))
    axes.set_title(title, fontsize=10)
    axes.set_xlim(1 - 0.42 * (n - 1), n + 0.42 * (n - 1))
    axes.set_ylim(depth + 0.55 * half + 0.3, -1.6)
    axes.axis("off")
    axes.plot([1, n], [0, 0], color="black", linewidth=1)
    for tick in range(1, n + 1):
        axes.plot([tick, tick], [0, -0.15], color="black", linewidth=1)
        axes.text(tick, -0.25, str(tick), ha="center", va="bottom", fontsize=8)
    for position, (name, mean) in enumerate(zip(names, ranks, strict=True)):
        is_left = position < half
        row = position if is_left else n - 1 - position
        y = depth + 0.55 * row
        edge = 1 - 0.05 * (n - 1) if is_left else n + 0.05 * (n - 1)
        axes.plot([mean, mean, edge], [0, y, y], color="0.4", linewidth=0.8)
        axes.text(
            edge,
            y,
            f" {name}  {mean:.2f} ",
            ha="right" if is_left else "left",
            va="center",
            fontsize=8,
        )
    for level, (first, last) in enumerate(groups):
        y = 0.3 + 0.3 * level
        axes.plot([ranks[first] - 0.04, ranks[last] + 0.04], [y, y], color="black", linewidth=2.5)
    length = min(ranking.critical_difference, n - 1)
    axes.plot([1, 1 + length], [-1.1, -1.1], color="black", linewidth=1.5)
    axes.text(
        1 + length / 2,
        -1.2,
        f"critical difference {ranking.critical_difference:.2f} "
        f"({ranking.n_tables} tables, level {ranking.alpha:g})",
        ha="center",
        va="bottom",
        fontsize=8,
    )
    with mpl.rc_context({"svg.hashsalt": "counterpoise", "svg.fonttype": "none"}):
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(path, dpi=150, metadata=metadata)
