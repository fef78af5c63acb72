"""The report of a benchmark: Markdown, LaTeX and figures, rendered from its CSV files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._methods import FULL
from benchmarks._output import REPORT_FILE, markdown_table
from benchmarks._plan import Plan, plan_of
from benchmarks._protocols import PROTOCOLS
from benchmarks._results import Results, higher_is_better, read_results, write_results
from benchmarks._statistics import Comparison, Ranking, compare, rank_methods
from counterpoise.comparison._scores import corrected_interval
from counterpoise.errors import MissingDependencyError

_TEST_TO_TRAIN = 0.25  # test rows over training rows
_MIN_SHARE_OF_TABLES = 0.8  # a method with scores on fewer would cost the others their tables
_MIN_SPLITS = 5  # of an interval: two or three differences can agree by chance
_DIVERSITY = (
    *("column_entropy", "joint_entropy", "coverage", "support_coverage", "distinct_row_rate"),
    *("mean_pairwise_distance", "exact_copies", "detection_auc"),
)
_HELD_OUT = "held-out real rows"
_REFERENCES = ("counterpoise", "none")
_READING = """\
Means ± standard deviations over splits; in brackets the number of splits where it is not all. In
bold the best on the splits that all methods of the table share; the last row, the ranks and the
differences are over those splits, too, and of methods run on at least four in five tables."""
_METRICS = {
    "paper": ("published_f1", "published_auc", "f1", "pr_auc"),
    "honest": ("f1", "f1_tuned", "pr_auc", "roc_auc", "brier"),
}
TITLES = {
    "published_f1": "F1 as published (of the class that sorts second)",
    "published_auc": "AUC as published (of hard predictions)",
    "f1": "Minority F1 at 0.5",
    "f1_tuned": "Minority F1 at a threshold tuned out of fold",
    "pr_auc": "PR-AUC of the minority (average precision)",
    "roc_auc": "ROC-AUC",
    "brier": "Brier score (less is better)",
}


def in_order(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return `names` in the order of `wanted`; those it lacks at the end."""
    place = {name: i for i, name in enumerate(wanted)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def score_table(
    results: Results, metric: str, classifier: str, methods: Sequence[str]
) -> pd.DataFrame:
    """Return mean ± standard deviation over splits: a row per table, a column per method.

    In bold is the method that is best on the splits that all of the table's methods have, ``full``
    aside; ``(n)`` is the number of splits of a mean that is not over all of the table's.
    """
    scores = results.pivot(metric, classifier)
    names = in_order([str(name) for name in scores.columns], methods)
    sign = 1 if higher_is_better(metric) else -1
    rows = {}
    for table, of_table in scores.groupby(level="table", sort=False):
        rivals = of_table.drop(columns=FULL, errors="ignore").dropna(axis="columns", how="all")
        shared = sign * rivals.dropna().mean()
        n_splits = len(of_table)
        rows[table] = {
            name: _cell(of_table[name].dropna(), n_splits, is_best=shared.get(name) == shared.max())
            for name in names
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def _cell(values: pd.Series[float], n_splits: int, *, is_best: bool) -> str:
    if len(values) == 0:
        return "-"
    text = f"{values.mean():.3f}"
    text = f"**{text}**" if is_best else text
    if len(values) > 1:
        text += f" ± {values.std(ddof=1):.3f}"
    return text if len(values) == n_splits else f"{text} ({len(values)})"


def paired_means(results: Results, metric: str, classifier: str) -> pd.DataFrame:
    """Return means over splits that can be compared: a row per table, a column per method.

    A method counts if it has scores on at least four in five tables; a table's means are over the
    splits on which every such method has a score. ``full`` is not compared.
    """
    scores = results.pivot(metric, classifier).drop(columns=FULL, errors="ignore")
    n_tables = scores.groupby(level="table").count().gt(0).sum()
    return scores.loc[:, _on_most_tables(n_tables)].dropna().groupby(level="table").mean()


def _on_most_tables(n_tables: pd.Series[int]) -> pd.Series[bool]:
    """Return which methods have figures on enough tables not to cost the others theirs."""
    return n_tables >= _MIN_SHARE_OF_TABLES * n_tables.max()


def size_table(results: Results, tables: Sequence[str]) -> pd.DataFrame:
    """Return a row per table: sizes, splits that were run, and caps."""
    groups = results.done[results.done["method"] != FULL].groupby("table")
    sizes = pd.DataFrame(
        {
            "training rows": groups["n_train"].median(),
            "of the minority": groups["n_minority"].median(),
            "test rows": groups["n_test"].median(),
            "splits": groups["split"].nunique(),
            "training rows, at most": groups["max_train_rows"].max(),
            "samples seen, at most": groups["max_samples_seen"].max(),
        }
    )
    return sizes.loc[in_order([str(name) for name in sizes.index], tables)]


def rank(results: Results, metric: str, classifier: str) -> Ranking:
    """Rank the methods over tables."""
    means = paired_means(results, metric, classifier)
    return rank_methods(means, higher_is_better=higher_is_better(metric))


def difference_table(
    results: Results, metric: str, classifier: str, reference: str
) -> list[Comparison]:
    """Compare every method with `reference` over tables: Wilcoxon tests, Holm's correction."""
    means = paired_means(results, metric, classifier)
    return compare(means, reference) if reference in means else []


def table_differences(
    results: Results, metric: str, classifier: str, reference: str
) -> pd.DataFrame:
    """Compare `reference` with every method within each table: Nadeau and Bengio's intervals."""
    scores = results.pivot(metric, classifier)
    rows = []
    for table, of_table in scores.groupby(level="table", sort=False):
        for method in scores.columns.drop(reference, errors="ignore"):
            if reference in scores:
                difference = (of_table[reference] - of_table[method]).dropna().to_numpy()
                if len(difference) >= _MIN_SPLITS:
                    low, high = corrected_interval(difference, _TEST_TO_TRAIN)
                    rows.append((table, method, len(difference), difference.mean(), low, high))
    return pd.DataFrame(rows, columns=["table", "method", "n", "mean", "low", "high"])


def cost_table(results: Results, methods: Sequence[str]) -> pd.DataFrame:
    """Return what each method costs: a row per method, medians over its runs."""
    groups = results.done.groupby("method")
    counts = results.runs.groupby("method")["status"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=["done", "failed"], fill_value=0)
    costs = {
        "balancing, s": groups["resample_s"].median().round(2),
        "balancing, most, s": groups["resample_s"].max().round(1),
        "peak memory, MiB": groups["peak_memory_mib"].median().round(0),
        "valid rows": groups["valid_share"].mean().map(_share),
        "samples seen": groups["n_samples_seen"].median(),
    }
    table = counts.rename(columns={"done": "runs"}).assign(**costs)
    return table.loc[in_order([str(name) for name in table.index], methods)]


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.1f} %"


def diversity_table(results: Results, methods: Sequence[str]) -> pd.DataFrame:
    """Return diversity by method, held-out rows below: means over tables of means over splits.

    Only tables on which every method that generates rows has figures.
    """
    done = results.done
    columns: dict[str, pd.Series[float]] = {}
    for name in _DIVERSITY:
        if f"diversity.{name}.value" in done:
            values = done.pivot_table(f"diversity.{name}.value", "table", "method")
            mean = values.loc[:, _on_most_tables(values.notna().sum())].dropna().mean()
            real = done.groupby("table")[f"diversity.{name}.real_anchor"].mean().mean()
            columns[name] = pd.concat([mean, pd.Series({_HELD_OUT: real})])
    table = pd.DataFrame(columns)
    return table.loc[in_order([str(name) for name in table.index], [*methods, _HELD_OUT])].round(3)


def cliques(ranks: Sequence[float], critical_difference: float) -> list[tuple[int, int]]:
    """Return the widest groups of ascending ranks within the critical difference, as positions.

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
    """Draw a critical-difference diagram: a bar joins methods within the critical difference.

    Each path's suffix says in which format it is written. The same ranks give the same SVG file.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "Figures need the package matplotlib: pip install '.[bench]'.",
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
    line = partial(axes.plot, color="black", linewidth=1)
    text = partial(axes.text, ha="center", va="bottom", fontsize=8)
    line([1, n], [0, 0])
    for tick in range(1, n + 1):
        line([tick, tick], [0, -0.15])
        text(tick, -0.25, str(tick))
    for position, (name, mean) in enumerate(zip(names, ranks, strict=True)):
        is_left = position < half
        y = depth + 0.55 * (position if is_left else n - 1 - position)
        edge = 1 - 0.05 * (n - 1) if is_left else n + 0.05 * (n - 1)
        line([mean, mean, edge], [0, y, y], color="0.4", linewidth=0.8)
        text(edge, y, f" {name}  {mean:.2f} ", ha="right" if is_left else "left", va="center")
    for level, (first, last) in enumerate(groups):
        y = 0.3 + 0.3 * level
        line([ranks[first] - 0.04, ranks[last] + 0.04], [y, y], linewidth=2.5)
    length = min(ranking.critical_difference, n - 1)
    line([1, 1 + length], [-1.1, -1.1], linewidth=1.5)
    legend = f"critical difference {ranking.critical_difference:.2f} "
    text(1 + length / 2, -1.2, f"{legend}({ranking.n_tables} tables, level {ranking.alpha:g})")
    with mpl.rc_context({"svg.hashsalt": "counterpoise", "svg.fonttype": "none"}):
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(path, dpi=150, metadata=metadata)


def write_report(
    output: Path, *, reference: str | None = None, formats: Sequence[str] = ()
) -> Path:
    """Render the report of a benchmark into its folder, and return the Markdown file.

    If the folder has the runs themselves, its CSV files are written anew first. The others are
    compared with `reference`; by default ``counterpoise`` and ``none``, where they were run.
    `formats` may have ``"png"`` (figures) and ``"latex"`` (tables).
    """
    if (output / "runs").is_dir():
        write_results(output)
    results = read_results(output)
    report = _Report(results, plan_of(output), output, formats)
    ran = set(results.runs["method"])
    references = [name for name in _REFERENCES if name in ran]
    if reference is not None:
        references = [reference]
        if reference not in ran:
            raise ValueError(
                f"no runs of {reference!r}; there are runs of {', '.join(sorted(ran))}"
            )
    path = output / REPORT_FILE
    path.write_text("\n\n".join(report.parts(references)) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class _Report:
    """The parts of a report; figures and tables are written into `folder` on the way."""

    results: Results
    plan: Plan
    folder: Path
    formats: Sequence[str]

    @property
    def protocol(self) -> str:
        return str(self.results.about.get("protocol", self.plan.protocol))

    def parts(self, references: Sequence[str]) -> list[str]:
        results, plan = self.results, self.plan
        parts = [
            self.head(),
            "## Tables",
            _indexed(size_table(results, plan.tables), "table"),
            "Caps on training rows hold for all methods, caps on training samples seen for "
            "language models (one more batch can begin before a cap).",
        ]
        known = list(dict.fromkeys(results.scores["classifier"]))
        for classifier in in_order(known, plan.resolved_protocol.classifiers):
            parts += self.of_classifier(classifier, references)
        parts += [
            "## Cost",
            _indexed(cost_table(results, plan.methods), "method"),
            "Seconds are medians and the most over runs, of balancing alone (training and "
            "generation); memory is the most that the run's process held, libraries included.",
        ]
        diversity = diversity_table(results, plan.methods)
        if len(diversity):
            diversity.to_csv(self.folder / "diversity.csv", index_label="method")
            parts += [
                "## Diversity of the generated rows",
                _indexed(diversity, "method"),
                "Means over the tables on which all these methods have figures. Entropies in nats.",
            ]
        return parts + self.failures()

    def head(self) -> str:
        about, done = self.results.about, self.results.done
        versions = ", ".join(f"{name} {v}" for name, v in about.get("versions", {}).items())
        return "\n".join(
            [
                f"# Benchmark, protocol `{self.protocol}`",
                "",
                f"{len(done)} runs done, {len(self.results.failed)} failed, over "
                f"{done['table'].nunique()} tables. Latest run: {about.get('date', 'none')}, "
                f"{about.get('processor', '')}, {about.get('cores', '?')} cores, "
                f"OMP_NUM_THREADS={about.get('threads')}. {versions}.",
                "",
                f"Backbone of the language models: {self.plan.model}.",
                "",
                "What is wrong with this protocol:",
                "",
                *(f"- {flaw}" for flaw in PROTOCOLS[self.protocol].flaws),
            ]
        )

    def of_classifier(self, classifier: str, references: Sequence[str]) -> list[str]:
        results, plan = self.results, self.plan
        parts = [f"## {classifier}", _READING]
        latex = []
        present = set(results.scores[results.scores["classifier"] == classifier]["metric"])
        for metric in [name for name in _METRICS[self.protocol] if name in present]:
            table = score_table(results, metric, classifier, plan.methods)
            table = table.loc[in_order([str(name) for name in table.index], plan.tables)]
            means = paired_means(results, metric, classifier).mean()
            table.loc["mean"] = [f"{means[n]:.3f}" if n in means else "-" for n in map(str, table)]
            parts += [f"### {TITLES[metric]}", _indexed(table, "table")]
            latex.append(_latex(table, f"{TITLES[metric]}, {classifier}"))
            parts += self.ranks(metric, classifier)
            for reference in references:
                parts += _differences(results, metric, classifier, reference)
        if "latex" in self.formats:
            path = self.folder / f"tables-{classifier}.tex"
            path.write_text("\n\n".join(latex) + "\n", encoding="utf-8")
        return parts

    def ranks(self, metric: str, classifier: str) -> list[str]:
        ranking = rank(self.results, metric, classifier)
        if ranking.n_tables < 2 or len(ranking.mean_ranks) < 2:
            return []
        listed = ", ".join(f"{name} {mean:.2f}" for name, mean in ranking.mean_ranks.items())
        friedman = "" if math.isnan(ranking.p_value) else f"Friedman p = {ranking.p_value:.2g}; "
        text = (
            f"Mean ranks over {ranking.n_tables} tables (1 is best): {listed}. {friedman}critical "
            f"difference (Nemenyi, {ranking.alpha:g}) {ranking.critical_difference:.2f}."
        )
        name = f"ranks-{metric}-{classifier}"
        suffixes = ["svg", "png"] if "png" in self.formats else ["svg"]
        paths = [self.folder / f"{name}.{suffix}" for suffix in suffixes]
        try:
            draw_ranking(ranking, f"{TITLES[metric]}, {classifier}", paths)
        except MissingDependencyError as error:
            return [f"{text} ({error})"]
        return [text, f"![mean ranks]({name}.svg)"]

    def failures(self) -> list[str]:
        groups = self.results.failed.groupby(["method", "error"])
        lines = [
            f"- {method}: {error} ({', '.join(group['table'] + ' ' + group['split'].astype(str))})"
            for (method, error), group in groups
        ]
        return ["## Failures", "\n".join(lines) or "None."]


def _differences(results: Results, metric: str, classifier: str, reference: str) -> list[str]:
    found = difference_table(results, metric, classifier, reference)
    if not found or found[0].n < 2:
        return []
    n_tables = len(paired_means(results, metric, classifier))
    sign = "higher" if higher_is_better(metric) else "lower"
    rows = [comparison_row(c, metric, f"{reference} against") for c in found]
    text = (
        f"Over {n_tables} tables, {reference} minus the other ({sign} is better); effect size is "
        "the rank-biserial correlation."
    )
    within = _within_tables(results, metric, classifier, reference)
    return [text, markdown_table(rows), *within]


def comparison_row(found: Comparison, metric: str, title: str) -> dict[str, str]:
    """Return the row of one comparison, as the reference minus the other."""
    won, lost = found.n_lost, found.n_won
    if not higher_is_better(metric):
        won, lost = lost, won
    return {
        title: found.method,
        "difference": f"{-found.mean_difference:+.3f}",
        "95 % interval": f"{-found.interval[1]:+.3f} to {-found.interval[0]:+.3f}",
        "won / lost": f"{won} / {lost}",
        "effect size": f"{-found.effect_size:+.2f}",
        "p (Wilcoxon)": f"{found.p_value:.3f}",
        "p (Holm)": f"{found.p_adjusted:.3f}",
    }


def _within_tables(results: Results, metric: str, classifier: str, reference: str) -> list[str]:
    """Say on which tables an interval over splits leaves out zero."""
    found = table_differences(results, metric, classifier, reference)
    if found.empty:
        return []
    clear = found[(found["low"] > 0) | (found["high"] < 0)]
    listed = "; ".join(
        f"{row.table} / {row.method} {row.low:+.3f} to {row.high:+.3f}"
        for row in clear.itertuples(index=False)
    )
    return [
        f"Within tables (Nadeau and Bengio's 95 % interval of {reference} minus the other, over "
        f"splits), {len(clear)} of {len(found)} leave out zero: {listed or 'none'}."
    ]


def _indexed(table: pd.DataFrame, index_name: str) -> str:
    """Return a frame as a Markdown table, its index as the first column."""
    return markdown_table(table.reset_index(names=index_name))


def _latex(table: pd.DataFrame, caption: str) -> str:
    """Return a frame as a LaTeX table (package booktabs)."""

    def cell(text: object) -> str:
        escaped = re.sub(r"([&%$#_{}])", r"\\\1", str(text)).replace("±", "$\\pm$")
        return re.sub(r"\*\*(.*?)\*\*", r"\\textbf{\1}", escaped)

    lines = [
        " & ".join(cell(name) for name in row) + r" \\"
        for row in [["table", *table.columns], *table.itertuples()]
    ]
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return (
        f"\\begin{{table}}\n\\caption{{{cell(caption)}}}\n"
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}\n"
        f"{body}\n\\end{{tabular}}\n\\end{{table}}"
    )
