"""Small tables, tokenizers and models for the tests; nothing is downloaded."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from counterpoise.columns import Schema, Table
from counterpoise.columns._frames import with_labels

QUICK = {"model": "compact", "epochs": 1, "random_state": 0, "device": "cpu"}
"""Arguments of a sampler that is done at once."""


def byte_pair_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with merges, as GPT-2's: digits come in ones, twos and threes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    words = [f" {number}" for number in range(0, 1000, 7)] * 3
    words += [
        "age is",
        " age",
        " colour",
        " is",
        " red",
        " reddish",
        " missing",
        " price",
        ",",
    ] * 50
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def save_gpt2(folder: Path) -> Path:
    """A folder with a tiny GPT-2 of random weights, as a user's own model would be."""
    tokenizer = byte_pair_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=512
        )
        GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def mixed_frame(n_rows: int = 60, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """A table of every enumerable kind, with missing values; 'yes' is the minority."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n_rows),
            "price": np.round(rng.normal(0, 50, n_rows), 2),
            "colour": rng.choice(["red", "reddish", "blue, dark", 'a "b" is c'], n_rows),
            "member": rng.random(n_rows) < 0.5,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
            "constant": "always",
        }
    )
    frame.loc[rng.random(n_rows) < 0.2, "price"] = np.nan
    frame.loc[rng.random(n_rows) < 0.2, "colour"] = None
    frame.loc[rng.random(n_rows) < 0.1, "since"] = pd.NaT
    labels = np.where(np.arange(n_rows) % 5 == 0, "yes", "no")
    return frame, pd.Series(labels, name="churn")


def labelled_table(frame: pd.DataFrame, labels: pd.Series) -> Table:
    """The table, label first, as the engine sees it."""
    features = Table.from_frame(frame, Schema.infer(frame))
    return with_labels(features, labels.to_numpy(), labels.name)
