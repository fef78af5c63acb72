"""Results for people: Markdown, CSV, LaTeX and figures, from run folders."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from counterpoise.bench.figures import draw_ranking
from counterpoise.bench.plan import Plan, read_plan
from counterpoise.bench.protocols import PROTOCOLS
from counterpoise.bench.results import Results, collect, higher_is_better
from counterpoise.bench.runner import PLAN_FILE
from counterpoise.bench.summaries import (
    cost_table,
    difference_table,
    diversity_table,
    in_order,
    mean_row,
    paired_means,
    rank,
    score_table,
    size_table,
    table_differences,
)
from counterpoise.errors import MissingDependencyError

__all__ = ["markdown_table", "write_report"]

_REFERENCES = ("counterpoise", "none")
_READING = """\
Means ± standard deviations over splits, and over how many in brackets where not over all. In bold
the best on the splits that all methods of the table share; the last row, the ranks and the
differences are over those splits, too, and of methods run on at least four in five tables."""
_METRICS = {
    "paper": ("published_f1", "published_auc", "f1", "pr_auc"),
    "honest": ("f1", "f1_tuned", "pr_auc", "roc_auc", "brier"),
}
_TITLES = {
    "published_f1": "F1 as published (of the class that sorts second)",
    "published_auc": "AUC as published (of hard predictions)",
    "f1": "Minority F1 at 0.5",
    "f1_tuned": "Minority F1 at a threshold tuned out of fold",
    "pr_auc": "PR-AUC of the minority (average precision)",
    "roc_auc": "ROC-AUC",
    "brier": "Brier score (less is better)",
}


def write_report(output: Path, *, reference: str | None = None) -> Path:
    """Render the runs of a benchmark into ``OUTPUT/report``.

    Parameters
    ----------
    output
        Folder of the benchmark.
    reference
        The method that the others are compared with; by default ``counterpoise``, and then
        ``none``, where they were run.

    Returns
    -------
    Path
        The Markdown report; CSV files, LaTeX tables and figures lie beside it.

    Raises
    ------
    ValueError
        If there are no runs, or none of the reference.
    """
    results = collect(output)
    plan = read_plan(output / PLAN_FILE)
    ran = set(results.runs["method"])
    references = [name for name in _REFERENCES if name in ran]
    if reference is not None:
        references = [reference]
    if reference is not None and reference not in ran:
        raise ValueError(f"no runs of {reference!r}; there are runs of {', '.join(sorted(ran))}")
    folder = output / "report"
    folder.mkdir(exist_ok=True)
    results.runs.to_csv(folder / "runs.csv", index=False, float_format="%.6g")
    _wide(results).to_csv(folder / "scores.csv", float_format="%.6g")
    parts = [
        _head(results, plan),
        "## Tables",
        markdown_table(size_table(results, plan.tables), "table"),
        "Caps on training rows hold for all methods, caps on rows presented in training for "
        "language models (one more batch can begin before a cap).",
    ]
    protocol = str(results.about.get("protocol", plan.protocol))
    for classifier in results.scores["classifier"].unique():
        parts += _of_classifier(results, plan, protocol, str(classifier), references, folder)
    parts += ["## Cost", markdown_table(cost_table(results, plan.methods), "method")]
    parts.append(
        "Seconds are medians and the most over runs, of balancing alone (training and writing); "
        "memory is what the run's process held at most, libraries included."
    )
    diversity = diversity_table(results, plan.methods)
    if len(diversity):
        diversity.to_csv(folder / "diversity.csv", index_label="method")
        parts += [
            "## Diversity of the rows made",
            markdown_table(diversity, "method"),
            "Means over the tables on which all these methods have figures. Entropies in nats.",
        ]
    parts += _failures(results)
    path = folder / "report.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _wide(results: Results) -> pd.DataFrame:
    """Return the scores with a column each."""
    key = ["table", "method", "split", "classifier"]
    return results.scores.pivot(index=key, columns="metric", values="value")


def _head(results: Results, plan: Plan) -> str:
    about = results.about
    done = results.runs[results.runs["status"] == "done"]
    protocol = PROTOCOLS[str(about.get("protocol", plan.protocol))]
    versions = ", ".join(f"{name} {v}" for name, v in about.get("versions", {}).items())
    lines = [
        f"# Benchmark, protocol `{protocol.name}`",
        "",
        f"{len(done)} runs done, {len(results.runs) - len(done)} failed, over "
        f"{done['table'].nunique()} tables. Latest run: {about.get('date', 'none')}, "
        f"{about.get('processor', '')}, {about.get('cores', '?')} cores, "
        f"OMP_NUM_THREADS={about.get('threads')}. {versions}. "
        f"Rendered {datetime.datetime.now(datetime.UTC):%Y-%m-%d}.",
        "",
        f"Backbone of the language models: {plan.model}.",
        "",
        "What is wrong with this protocol:",
        "",
        *(f"- {flaw}" for flaw in protocol.flaws),
    ]
    return "\n".join(lines)


def _of_classifier(
    results: Results,
    plan: Plan,
    protocol: str,
    classifier: str,
    references: list[str],
    folder: Path,
) -> list[str]:
    parts = [f"## {classifier}", _READING]
    latex = []
    present = set(results.scores[results.scores["classifier"] == classifier]["metric"])
    for metric in [name for name in _METRICS[protocol] if name in present]:
        table = score_table(results, metric, classifier, plan.methods)
        table = table.loc[in_order([str(name) for name in table.index], plan.tables)]
        table.loc["mean"] = mean_row(results, metric, classifier, list(table.columns))
        parts += [f"### {_TITLES[metric]}", markdown_table(table, "table")]
        latex.append(_latex(table, f"{_TITLES[metric]}, {classifier}"))
        parts += _ranks(results, metric, classifier, folder)
        for reference in references:
            parts += _differences(results, metric, classifier, reference)
    (folder / f"tables-{classifier}.tex").write_text("\n\n".join(latex) + "\n", encoding="utf-8")
    return parts


def _ranks(results: Results, metric: str, classifier: str, folder: Path) -> list[str]:
    ranking = rank(results, metric, classifier)
    if ranking.n_tables < 2 or len(ranking.mean_ranks) < 2:
        return []
    listed = ", ".join(f"{name} {mean:.2f}" for name, mean in ranking.mean_ranks.items())
    friedman = "" if math.isnan(ranking.p_value) else f"Friedman p = {ranking.p_value:.2g}; "
    text = (
        f"Mean ranks over {ranking.n_tables} tables (1 is best): {listed}. {friedman}critical "
        f"difference (Nemenyi, {ranking.alpha:g}) {ranking.critical_difference:.2f}."
    )
    name = f"ranks-{metric}-{classifier}"
    try:
        paths = [folder / f"{name}.svg", folder / f"{name}.png"]
        draw_ranking(ranking, f"{_TITLES[metric]}, {classifier}", paths)
    except MissingDependencyError as error:
        return [f"{text} ({error})"]
    return [text, f"![mean ranks]({name}.svg)"]


def _differences(results: Results, metric: str, classifier: str, reference: str) -> list[str]:
    found = difference_table(results, metric, classifier, reference)
    if not found or found[0].n < 2:
        return []
    n_tables = len(paired_means(results, metric, classifier))
    sign = "higher" if higher_is_better(metric) else "lower"
    rows = pd.DataFrame(
        [
            {
                f"{reference} against": c.method,
                "difference": f"{-c.mean_difference:+.3f}",
                "95 % interval": f"{-c.interval[1]:+.3f} to {-c.interval[0]:+.3f}",
                "won / lost": f"{c.n_lost} / {c.n_won}"
                if higher_is_better(metric)
                else f"{c.n_won} / {c.n_lost}",
                "effect size": f"{-c.effect_size:+.2f}",
                "p (Wilcoxon)": f"{c.p_value:.3f}",
                "p (Holm)": f"{c.p_adjusted:.3f}",
            }
            for c in found
        ]
    ).set_index(f"{reference} against")
    text = (
        f"Over {n_tables} tables, {reference} minus the other ({sign} is better); effect size is "
        "the rank-biserial correlation."
    )
    within = _within_tables(results, metric, classifier, reference)
    return [text, markdown_table(rows, f"{reference} against"), *within]


def _within_tables(results: Results, metric: str, classifier: str, reference: str) -> list[str]:
    """Say on which tables an interval over splits leaves out zero."""
    clear = []
    n = 0
    for found in table_differences(results, metric, classifier, reference):
        n += 1
        low, high = -found.interval[1], -found.interval[0]
        if low > 0 or high < 0:
            clear.append(f"{found.table} / {found.method} {low:+.3f} to {high:+.3f}")
    if n == 0:
        return []
    listed = "; ".join(clear) or "none"
    return [
        f"Within tables (Nadeau and Bengio's 95 % interval of {reference} minus the other, over "
        f"splits), {len(clear)} of {n} leave out zero: {listed}."
    ]


def _failures(results: Results) -> list[str]:
    failed = results.runs[results.runs["status"] == "failed"]
    if failed.empty:
        return ["## Failures", "None."]
    groups = failed.groupby(["method", "error"])
    lines = [
        f"- {method}: {error} ({', '.join(group['table'] + ' ' + group['split'].astype(str))})"
        for (method, error), group in groups
    ]
    return ["## Failures", "\n".join(lines)]


def markdown_table(table: pd.DataFrame, index_name: str) -> str:
    """Return a frame as a Markdown table, its index as the first column.

    Examples
    --------
    >>> print(markdown_table(pd.DataFrame({"F1": ["0.5"]}, index=["german"]), "table"))
    | table | F1 |
    | --- | --- |
    | german | 0.5 |
    """
    header = [index_name, *map(str, table.columns)]
    rows: list[Sequence[str]] = [
        [str(name), *("" if pd.isna(value) else _text(value) for value in row)]
        for name, row in zip(table.index, table.itertuples(index=False), strict=True)
    ]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _latex(table: pd.DataFrame, caption: str) -> str:
    """Return a frame as a LaTeX table (package booktabs)."""

    def cell(text: object) -> str:
        escaped = str(text)
        for character in "\\&%$#_{}":
            escaped = escaped.replace(character, f"\\{character}")
        if escaped.startswith("**"):
            bold, _, rest = escaped[2:].partition("**")
            escaped = f"\\textbf{{{bold}}}{rest}"
        return escaped.replace("±", "$\\pm$")

    lines = [" & ".join(map(cell, ["table", *table.columns])) + r" \\"]
    for name, row in zip(table.index, table.itertuples(index=False), strict=True):
        lines.append(" & ".join(map(cell, [name, *row])) + r" \\")
    columns = "l" + "r" * len(table.columns)
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return (
        f"\\begin{{table}}\n\\caption{{{cell(caption)}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"{body}\n\\end{{tabular}}\n\\end{{table}}"
    )
