"""The published way: free text from fine-tuned weights, split at commas, and repaired.

Corpus, order of the sentence, prompts and temperature are those of the method; so are the weights
of our own arms. What differs is the decoding: the model may write anything, and what cannot be a
cell is replaced by the most frequent category or the mean.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.over_sampling import SMOTENC, RandomOverSampler
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.arms.contract import Result, Task
from counterpoise.model.device import Device, resolve_device

_LEARNING_RATE = 5e-4  # as our own arms with these weights
_TEMPERATURE = 0.7
_GENERATION_BATCH_SIZE = 64


def main() -> None:
    """Run the arm."""
    task = Task.read()
    result = Result(task)
    frame = task.training_frame()
    rng = np.random.default_rng(task.seed)
    torch.manual_seed(task.seed)
    device = resolve_device()
    result.enter("loading")
    assert task.weights is not None
    tokenizer = AutoTokenizer.from_pretrained(task.weights, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(task.weights, dtype=torch.float32)
    model.set_attn_implementation("sdpa" if device.fuses_attention else "eager")
    model.to(device.device)
    minority = frame[frame[task.target] == task.minority]
    corpus = _corpus(frame, task)
    result.enter("training")
    n_presentations, training_s = _train(model, tokenizer, corpus, task, device, rng)
    result.record(
        n_presentations=n_presentations,
        training_s=training_s,
        training_rows_per_s=n_presentations / training_s,
        dtype=str(device.precision),
    )
    result.enter("free sampling")
    started = time.perf_counter()
    n_rows = min(task.n_rows, task.n_free_rows)
    texts = _write(model, tokenizer, _prompts(corpus, task, n_rows, rng), corpus, device)
    parsed = parse_sentences(texts, [str(name) for name in frame])
    seconds = time.perf_counter() - started
    result.add_rows("as written", parsed, seconds, training_s + seconds)
    repaired = repair(parsed, minority, task.numeric)
    seconds = time.perf_counter() - started
    result.add_rows("repaired", repaired, seconds, training_s + seconds)
    result.finish()


def _corpus(frame: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Real minority rows, and interpolated ones with their label and numbers only."""
    X, y = frame.drop(columns=task.target), frame[task.target]
    categorical = [name for name in X if name not in task.numeric]
    if (y == task.minority).sum() > 5:
        sampler = SMOTENC(categorical, random_state=task.seed)
    else:
        sampler = RandomOverSampler(random_state=task.seed)
    interpolated = sampler.fit_resample(X, y)[0].iloc[len(X) :].copy()
    for name in task.numeric:
        n_decimals = max(len(str(value).partition(".")[2].rstrip("0")) for value in X[name])
        interpolated[name] = interpolated[name].astype(float).round(n_decimals)
        if n_decimals == 0:
            interpolated[name] = interpolated[name].astype(int)
    interpolated[categorical] = None
    interpolated[task.target] = task.minority
    real = frame[y == task.minority]
    parts: list[pd.DataFrame] = [real.astype(object), interpolated.astype(object)]
    return pd.concat(parts, ignore_index=True)


def sentence(row: Mapping[Any, Any], target: str, rng: np.random.Generator) -> str:
    """Write a row: the label first, then its features in random order; missing cells are left out.

    Examples
    --------
    >>> sentence({"age": 39, "plan": None, "left": "yes"}, "left", np.random.default_rng(0))
    'left is yes, age is 39'
    """
    names = [name for name, value in row.items() if name != target and not pd.isna(value)]
    order = [target, *rng.permutation(names).tolist()] if names else [target]
    return ", ".join(f"{name} is {row[name]}" for name in order)


def _train(
    model: Any,
    tokenizer: Any,
    corpus: pd.DataFrame,
    task: Task,
    device: Device,
    rng: np.random.Generator,
) -> tuple[int, float]:
    """Fine-tune on sentences that end with the end token; return rows presented and seconds."""
    rows = corpus.to_dict("records")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=_LEARNING_RATE, weight_decay=0.01, fused=True
    )
    started = time.perf_counter()
    model.train()
    n_presented, queue = 0, np.empty(0, dtype=np.int64)
    while n_presented < task.n_presentations:
        if len(queue) < task.batch_size:
            queue = np.concatenate([queue, rng.permutation(len(rows))])
        batch, queue = queue[: task.batch_size], queue[task.batch_size :]
        texts = [sentence(rows[i], task.target, rng) + tokenizer.eos_token for i in batch]
        inputs = tokenizer(texts, padding=True, return_tensors="pt").to(device.device)
        labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
        with device.autocast():
            loss = model(**inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        n_presented += len(batch)
    return n_presented, time.perf_counter() - started


def _prompts(corpus: pd.DataFrame, task: Task, n_rows: int, rng: np.random.Generator) -> list[str]:
    """Draw the starts: the label and a value of one feature, each feature in turn."""
    features = [name for name in corpus if name != task.target]
    prompts = []
    for i in range(n_rows):
        name = features[i % len(features)]
        values = corpus[name].dropna().to_numpy(dtype=object)
        value = values[rng.integers(len(values))]
        prompts.append(f"{task.target} is {task.minority}, {name} is {value},")
    return prompts


@torch.no_grad()
def _write(
    model: Any, tokenizer: Any, prompts: list[str], corpus: pd.DataFrame, device: Device
) -> list[str]:
    """Let the model complete the prompts, up to the length of the longest real row."""
    model.eval()
    rng = np.random.default_rng(0)
    target = str(corpus.columns[-1])
    real = [sentence(row, target, rng) for row in corpus.dropna().to_dict("records")]
    longest = max(map(len, tokenizer(real)["input_ids"])) + 16
    texts: list[str] = []
    for start in range(0, len(prompts), _GENERATION_BATCH_SIZE):
        batch = prompts[start : start + _GENERATION_BATCH_SIZE]
        inputs = tokenizer(batch, padding=True, return_tensors="pt").to(device.device)
        with device.autocast():
            written = model.generate(
                **inputs,
                do_sample=True,
                temperature=_TEMPERATURE,
                top_k=0,
                max_length=longest,
                pad_token_id=tokenizer.pad_token_id,
            )
        texts += tokenizer.batch_decode(written, skip_special_tokens=True)
    return texts


def parse_sentences(texts: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Split at commas, and take the first value of each column; what is not there is missing.

    Examples
    --------
    >>> parse_sentences(["age is 39, plan is basic, x is 1, age is 4", "age"], ["age", "plan"])
       age   plan
    0   39  basic
    1  NaN    NaN
    """
    rows = []
    for text in texts:
        row: dict[str, Any] = dict.fromkeys(columns, np.nan)
        for part in text.split(","):
            name, is_there, value = part.strip().partition(" is ")
            if is_there and name in row and pd.isna(row[name]):
                row[name] = value
        rows.append(row)
    return pd.DataFrame(rows, columns=list(columns))


def repair(parsed: pd.DataFrame, real: pd.DataFrame, numeric: Sequence[str]) -> pd.DataFrame:
    """Replace what is no category by the most frequent, and what is no number by the mean.

    Examples
    --------
    >>> real = pd.DataFrame({"age": [20, 40], "plan": ["basic", "basic"]})
    >>> parsed = pd.DataFrame({"age": ["39", "old"], "plan": ["basi", "basic"]})
    >>> repair(parsed, real, ["age"]).to_dict("list")
    {'age': [39.0, 30.0], 'plan': ['basic', 'basic']}
    """
    repaired = parsed.copy()
    for name in parsed:
        if name in numeric:
            numbers = pd.to_numeric(parsed[name], errors="coerce").astype(float)
            repaired[name] = numbers.fillna(real[name].mean())
        else:
            is_known = parsed[name].isin(set(real[name].dropna()))
            repaired[name] = parsed[name].where(is_known, real[name].mode().iloc[0])
    return repaired


if __name__ == "__main__":
    main()
