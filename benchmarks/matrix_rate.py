"""Measure how much of the machine's matrix rate training uses, by model and serialization.

The rate is that of the fastest of a few square matrix products in the same number format and the
same process. The operations of a row are counted from its tokens, without padding:

    6 N T  +  12 L W T^2  +  6 H S        floating-point operations

with N parameters outside embedding and output layer, T tokens, L layers, W = heads x width of a
head, H parameters of the output layer, S scored tokens: 2 for multiply and add, times 3 for the
forward and the backward pass (which is two products for each of the forward pass); attention has
two products of 2 W T^2 per layer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._output import ResultFolder, markdown_table, significant
from benchmarks._protocols import PAPER, split_table
from benchmarks._samplers import make_sampler
from benchmarks._tables import load_table

_SIZES = (256, 512, 1024, 2048, 4096)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="folder of NAME.csv files")
    parser.add_argument("--tables", nargs="+", default=["german"])
    parser.add_argument("--models", nargs="+", default=["compact", "smollm2-135m-instruct"])
    parser.add_argument("--serializations", nargs="+", default=["table", "text"])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--max-train-rows", type=int)
    parser.add_argument("--seed", type=int, default=0)


def measure(folder: ResultFolder, args: argparse.Namespace) -> None:
    for name in args.tables:
        for model in args.models:
            for serialization in args.serializations:
                run = {"table": name, "model": model, "serialization": serialization}
                folder.add(run | _measure(name, model, serialization, args))


def render(folder: ResultFolder) -> str:
    return markdown_table(
        [
            {
                "table": run["table"],
                "model": run["model"],
                "serialization": run["serialization"],
                "format": run["dtype"],
                "tokens/row": significant(run["tokens_per_row"]),
                "GFLOP/row": significant(run["operations_per_row"] / 1e9),
                "rows/s": significant(run["rows_per_s"]),
                "GFLOP/s": significant(run["operations_per_s"] / 1e9),
                "matrix product, GFLOP/s": significant(run["matrix_operations_per_s"] / 1e9),
                "share": f"{100 * run['operations_per_s'] / run['matrix_operations_per_s']:.1f} %",
            }
            for run in folder.runs
        ]
    )


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """What the operations of a row follow from; inner parameters exclude the embedding."""

    n_inner: int
    n_output: int
    n_layers: int
    attention_width: int  # heads times the width of a head


def training_operations(
    size: NetworkSize, n_tokens: float, n_tokens_squared: float, n_scored: float
) -> float:
    """Return the floating-point operations per row in training, from means over rows.

    Examples
    --------
    >>> training_operations(NetworkSize(1000, 50, 2, 8), 10, 100, 4)
    80400
    """
    attention = 12 * size.n_layers * size.attention_width * n_tokens_squared
    return 6 * size.n_inner * n_tokens + attention + 6 * size.n_output * n_scored


def measure_matrix_rate(dtype: Any, device: Any, sizes: Sequence[int] = _SIZES) -> float:
    """Return the most operations per second that a square matrix product reaches."""
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
        n_inner = sum(parameter.numel() for parameter in model.layers.parameters())
        attention_width = shape.n_heads * shape.head_width
        return NetworkSize(n_inner, model.head.numel(), shape.n_layers, attention_width)
    network = model.network
    config = network.config
    n_inner = sum(parameter.numel() for parameter in network.base_model.parameters())
    head_width = getattr(config, "head_dim", None)
    attention_width = config.num_attention_heads * head_width if head_width else config.hidden_size
    n_embedding = network.get_input_embeddings().weight.numel()
    n_output = model.head.weight.numel()
    return NetworkSize(n_inner - n_embedding, n_output, config.num_hidden_layers, attention_width)


def _measure(name: str, model: str, serialization: str, args: argparse.Namespace) -> dict[str, Any]:
    from counterpoise.grammar._grammar import FORCED
    from counterpoise.serialization import draw_orders, serialize

    table = load_table(name, args.data_dir)
    X, y = table.take(split_table(table, PAPER, args.seed, args.max_train_rows).train)
    sampler = make_sampler(
        model=model,
        serialization=serialization,
        interpolation=None,
        train_on="all",
        epochs=args.epochs,
        validation_fraction=0.0,
        column_types=table.column_types,
        random_state=args.seed,
    ).fit(X, y)
    generator = sampler.generator_
    corpus = serialize(sampler.training_.rows.corpus, generator.serializer)
    n_rows, n_columns = corpus.segments.shape
    orders = draw_orders(n_rows, n_columns, "label-first", np.random.default_rng(0))
    batch = corpus.token_batch(np.arange(n_rows), orders)
    is_scored = (batch.states != FORCED) & (generator.serializer.grammar.column[batch.states] != 0)
    n_tokens = float(batch.lengths.mean())
    operations = training_operations(
        network_size(generator.model),
        n_tokens,
        float((batch.lengths**2).mean()),
        float(is_scored.sum() / n_rows),
    )
    history, device = sampler.history_, generator.device
    rows_per_s = history.n_samples_seen / history.seconds
    return {
        "dtype": str(device.precision).removeprefix("torch."),
        "tokens_per_row": n_tokens,
        "operations_per_row": operations,
        "n_samples_seen": history.n_samples_seen,
        "rows_per_s": rows_per_s,
        "operations_per_s": operations * rows_per_s,
        "matrix_operations_per_s": measure_matrix_rate(device.precision, device.device),
    }
