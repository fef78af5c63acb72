"""How much of the machine's matrix rate training uses, by model and serialisation.

    python -m benchmarks.matrix_rate --data-dir FOLDER

The rate is that of the fastest of a few square matrix products in the same number format and the
same process. The work of a row is counted from the tokens it has, without padding:

    6 N T  +  12 L W T^2  +  6 H S        floating-point operations

with N parameters outside embedding and output layer, T tokens, L layers, W = heads x width of a
head, H parameters of the output layer, S scored tokens: 2 for multiply and add, times 3 for the
forward and the backward pass (which is two products for each of the forward pass); attention has
two products of 2 W T^2 a layer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine, describe_torch, describe_versions
from benchmarks.protocol import TABLES, data_folder, load_table, split_table
from benchmarks.results import markdown_table, note, say, significant, write_json

_SIZES = (256, 512, 1024, 2048, 4096)
_MODELS = ("compact", "smollm2-135m")
_SERIALIZATIONS = ("table", "text")


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """What the work of a row follows from.

    Attributes
    ----------
    n_inner, n_output : int
        Parameters outside embedding and output layer, and of the output layer.
    n_layers, attention_width : int
        Layers, and heads times the width of a head.
    """

    n_inner: int
    n_output: int
    n_layers: int
    attention_width: int


def training_operations(
    size: NetworkSize, n_tokens: float, n_tokens_squared: float, n_scored: float
) -> float:
    """Return the floating-point operations of presenting one row in training.

    Parameters
    ----------
    n_tokens, n_tokens_squared : float
        Tokens of a row, and the square of them; means over rows.
    n_scored : float
        Tokens whose successor the output layer scores.

    Examples
    --------
    >>> training_operations(NetworkSize(1000, 50, 2, 8), 10, 100, 4)
    80400
    """
    attention = 12 * size.n_layers * size.attention_width * n_tokens_squared
    return 6 * size.n_inner * n_tokens + attention + 6 * size.n_output * n_scored


def measure_matrix_rate(dtype: Any, device: Any, sizes: Sequence[int] = _SIZES) -> float:
    """Return the most operations a second that a square matrix product reaches."""
    import torch

    best = 0.0
    for size in sizes:
        left = torch.randn(size, size, device=device).to(dtype)
        right = torch.randn(size, size, device=device).to(dtype)
        for _ in range(5):
            n_products = max(1, 2**28 // size**3)
            started = time.perf_counter()
            for _ in range(n_products):
                product = left @ right
            product[0, 0].item()  # waits for an accelerator
            seconds = time.perf_counter() - started
            best = max(best, 2 * size**3 * n_products / seconds)
    return best


def network_size(model: Any) -> NetworkSize:
    """Return the size of a `LanguageModel`."""
    from counterpoise.models._llama import Llama

    if isinstance(model, Llama):
        shape = model.shape
        n_layers = sum(parameter.numel() for parameter in model.layers.parameters())
        attention_width = shape.n_heads * shape.head_width
        return NetworkSize(n_layers, model.head.numel(), shape.n_layers, attention_width)
    network = model.network
    config = network.config
    n_inner = sum(parameter.numel() for parameter in network.base_model.parameters())
    head_width = getattr(config, "head_dim", None)
    width = config.num_attention_heads * head_width if head_width else config.hidden_size
    return NetworkSize(
        n_inner=n_inner - network.get_input_embeddings().weight.numel(),
        n_output=model.head.weight.numel(),
        n_layers=config.num_hidden_layers,
        attention_width=width,
    )


def _measure(name: str, model: str, serialization: str, args: argparse.Namespace) -> dict[str, Any]:
    from counterpoise import LLMOverSampler
    from counterpoise.grammar._grammar import FORCED
    from counterpoise.serialization._serializer import draw_orders, serialize

    table = load_table(name, data_folder(args.data_dir))
    split = split_table(table.y, table.facts.minority, args.seed, args.max_train_rows)
    labels = table.y.iloc[split.train]
    n_minority = int((labels == table.facts.minority).sum())
    sampler = LLMOverSampler(
        model=model,
        serialization=serialization,
        sampling_strategy={table.facts.minority: n_minority + 1},
        interpolation=None,
        train_on="all",
        epochs=args.epochs,
        validation_fraction=0.0,
        column_kinds=table.column_kinds,
        random_state=args.seed,
    )
    sampler.fit_resample(table.X.iloc[split.train], labels)
    writer = sampler.generator_
    corpus = serialize(writer.rows.corpus, writer.serializer)
    n_rows, n_columns = corpus.segments.shape
    orders = draw_orders(n_rows, n_columns, "label-first", np.random.default_rng(0))
    token_batch = corpus.token_batch(np.arange(n_rows), orders)
    is_scored = (token_batch.states != FORCED) & (
        writer.serializer.grammar.column[token_batch.states] != 0
    )
    operations = training_operations(
        network_size(writer.model),
        float(token_batch.lengths.mean()),
        float((token_batch.lengths**2).mean()),
        float(is_scored.sum() / n_rows),
    )
    rows_per_s = sampler.history_.n_samples_seen / sampler.history_.seconds
    matrix_rate = measure_matrix_rate(writer.device.precision, writer.device.device)
    return {
        "table": name,
        "model": model,
        "serialization": serialization,
        "dtype": str(writer.device.precision).removeprefix("torch."),
        "tokens_per_row": float(token_batch.lengths.mean()),
        "operations_per_row": operations,
        "n_samples_seen": sampler.history_.n_samples_seen,
        "training_rows_per_s": rows_per_s,
        "operations_per_s": operations * rows_per_s,
        "matrix_operations_per_s": matrix_rate,
        "share_of_matrix_rate": operations * rows_per_s / matrix_rate,
    }


def _row(run: dict[str, Any]) -> dict[str, str]:
    return {
        "table": run["table"],
        "model": run["model"],
        "serialisation": run["serialization"],
        "format": run["dtype"],
        "tokens/row": significant(run["tokens_per_row"]),
        "GFLOP/row": significant(run["operations_per_row"] / 1e9),
        "rows/s": significant(run["training_rows_per_s"]),
        "GFLOP/s": significant(run["operations_per_s"] / 1e9),
        "matrix product, GFLOP/s": significant(run["matrix_operations_per_s"] / 1e9),
        "share": f"{100 * run['share_of_matrix_rate']:.1f}%",
    }


def main() -> None:
    """Measure, print a table, write JSON."""
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=keep_lines)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tables", nargs="+", default=["german"], choices=TABLES)
    parser.add_argument("--models", nargs="+", default=list(_MODELS))
    parser.add_argument("--serializations", nargs="+", default=list(_SERIALIZATIONS))
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--max-train-rows", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("results/matrix-rate.json"))
    args = parser.parse_args()
    runs = []
    for name in args.tables:
        for model in args.models:
            for serialization in args.serializations:
                note(f"{name} {model} {serialization}")
                runs.append(_measure(name, model, serialization, args))
    say(markdown_table([_row(run) for run in runs]))
    versions = describe_versions(["counterpoise", "transformers"])
    about = {**describe_machine(), **describe_torch(), "versions": versions}
    write_json(args.output, {"machine": about, "runs": runs})


if __name__ == "__main__":
    main()
