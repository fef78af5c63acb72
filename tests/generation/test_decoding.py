"""Batched constrained generation against a naive reference, and its promises."""

import numpy as np
import pandas as pd
import pytest
import torch

from counterpoise._progress import Stage
from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.generation import _decoding as generation
from counterpoise.generation._decoding import Sampling, choose, generate
from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._automaton import END
from counterpoise.grammar._grammar import NO_COLUMN_TOKEN
from counterpoise.models import get_model
from counterpoise.models._language_model import resolve_device
from counterpoise.serialization import START, serialize, table_serializer, text_serializer
from tests.small_models import labelled_table, mixed_frame, save_gpt2

CPU = resolve_device("cpu", "float32")
KINDS = ["compact table", "compact text", "gpt2 table", "gpt2 text"]


@pytest.fixture(scope="module")
def written(request, tmp_path_factory):
    """(kind) -> table, language and an untrained but decided model of it."""
    folder = save_gpt2(tmp_path_factory.mktemp("gpt2"))

    def build(kind):
        name, serialization = kind.split()
        backbone = get_model("compact" if name == "compact" else str(folder)).load("cpu")
        table = labelled_table(*mixed_frame())
        if serialization == "text":
            serializer = text_serializer(table, backbone.tokenizer)
        else:
            serializer = table_serializer(table, backbone.tokenizer)
        model = backbone.build(serializer.vocabulary, 0)
        with torch.no_grad():  # peaked enough that a wrong context would show
            getattr(model.head, "weight", model.head).mul_(8)
        return table, serializer, model.eval()

    return build


def prompts_and_orders(table, n_rows, seed=0):
    """Prompts of different lengths: a label, and none to three further cells, missing ones too."""
    rng = np.random.default_rng(seed)
    codes = table.codes[rng.integers(0, len(table), n_rows)].copy()
    n_given = rng.integers(1, 5, n_rows)
    orders = np.argsort(rng.random(codes.shape), axis=1)
    for row in range(n_rows):
        codes[row, orders[row, n_given[row] :]] = ABSENT
    return Table(table.schema, codes, table.texts), orders


def record(monkeypatch):
    """Collect, for each row, the distribution and the choice of each of its turns."""
    turns = {}
    last = {}
    true_choose, true_follow = generation.choose, generation._Batch.follow

    def choosing(logits, sampling, generator):
        last["log_probability"] = torch.log_softmax(logits, -1)
        return true_choose(logits, sampling, generator)

    def following(batch, rows, choice, log_probability):
        for i, row in enumerate(rows.tolist()):
            turn = (int(choice[i]), last["log_probability"][i].numpy())
            turns.setdefault(row, []).append(turn)
        true_follow(batch, rows, choice, log_probability)

    monkeypatch.setattr(generation, "choose", choosing)
    monkeypatch.setattr(generation._Batch, "follow", following)
    return turns


@torch.no_grad()
def naive_row(model, serializer, prompt, order, choices):
    """One row, one token at a time, no cache and no batch: (codes, probabilities by token)."""
    tokens, column_tokens = [START], {}
    codes, distributions = {}, []
    choices = iter(choices)
    for column in order.tolist():
        cell = serializer.cells[column]
        if cell.column_token != NO_COLUMN_TOKEN:
            column_tokens[len(tokens) - 1] = cell.column_token
        if prompt[column] != ABSENT:
            tokens += serializer.encode_cell(column, prompt[column])
            codes[column] = prompt[column]
            continue
        tokens += cell.name
        state, value = 0, []
        while state != END:
            out = cell.automaton.edges[state]
            token = out[0].symbol
            if len(out) > 1:
                cue_tokens = [
                    [column_tokens.get(place, NO_COLUMN_TOKEN) for place in range(len(tokens))]
                ]
                last = torch.tensor([0]), torch.tensor([len(tokens) - 1])
                logits = model(torch.tensor([tokens]), torch.tensor(cue_tokens), last)[0]
                allowed = sorted(edge.symbol for edge in out)
                shares = torch.softmax(logits[allowed], -1).tolist()
                distributions.append(dict(zip(allowed, shares, strict=True)))
                token = next(choices)
            tokens.append(token)
            value.append(token)
            state = cell.automaton.follow(state, [token]).target
        codes[column] = cell.automaton.read(value)
    assert next(choices, None) is None
    return [codes[column] for column in range(len(prompt))], distributions


@pytest.mark.parametrize("kind", KINDS)
def test_batched_generation_equals_a_naive_one_row_at_a_time(written, kind, monkeypatch):
    table, serializer, model = written(kind)
    prompts, orders = prompts_and_orders(table, 24)
    turns = record(monkeypatch)
    generated, log_likelihood = generate(
        model,
        serializer,
        prompts,
        orders,
        Sampling(batch_size=24),
        device=CPU,
        rng=np.random.default_rng(0),
        advance=Stage(),
    )
    assert (generated.codes == MISSING).any(), "missing values are among what is written"
    assert len({len(t) for t in turns.values()}) > 2, "rows of different lengths"
    for row in range(24):
        choices = [choice for choice, _ in turns.get(row, [])]
        codes, distributions = naive_row(
            model, serializer, prompts.codes[row], orders[row], choices
        )
        assert codes == generated.codes[row].tolist()
        total = 0.0
        for (choice, batched), naive in zip(turns.get(row, []), distributions, strict=True):
            padding = [0.0] * (len(batched) - len(naive))
            np.testing.assert_allclose(np.exp(batched), [*naive.values(), *padding], atol=1e-4)
            total += np.log(naive[choice])
        assert log_likelihood[row] == pytest.approx(total, abs=1e-2)


@pytest.mark.parametrize("kind", ["compact table", "compact text", "gpt2 table"])
def test_training_scores_what_generation_draws(written, kind):
    """The log-likelihood that training sees equals the one that generation reports.

    Not for text in byte pairs: there a number can be cut in several ways, and generation may
    have drawn another than the tokenizer's own.
    """
    table, serializer, model = written(kind)
    codes = table.codes.copy()
    codes[:, 1:] = ABSENT
    orders = np.tile(np.arange(codes.shape[1]), (len(codes), 1))
    generated, log_likelihood = generate(
        model,
        serializer,
        Table(table.schema, codes, table.texts),
        orders,
        Sampling(batch_size=17),
        device=CPU,
        rng=np.random.default_rng(1),
        advance=Stage(),
    )
    token_batch = serialize(generated, serializer).token_batch(np.arange(len(codes)), orders)
    with torch.no_grad():
        scored, rows, _ = Scorer(model, serializer.grammar, CPU).log_likelihood(token_batch)
    totals = torch.zeros(len(codes)).index_add(0, torch.from_numpy(rows), scored).numpy()
    np.testing.assert_allclose(totals, log_likelihood, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_valid_and_prompts_are_kept(written, kind):
    table, serializer, model = written(kind)
    prompts, orders = prompts_and_orders(table, 100, seed=3)
    generated, _ = generate(
        model,
        serializer,
        prompts,
        orders,
        Sampling(temperature=3.0, batch_size=64),  # as wild as it gets
        device=CPU,
        rng=np.random.default_rng(0),
        advance=Stage(),
    )
    assert len(generated) == 100
    assert not generated.invalid_cells().any()
    given = prompts.codes != ABSENT
    assert (generated.codes[given] == prompts.codes[given]).all()
    column_may_miss = np.array([column.has_missing for column in table.schema])
    assert not (generated.codes[:, ~column_may_miss] == MISSING).any()


def test_choose_draws_the_distribution():
    """Frequencies over 20,000 draws; each bound is five standard deviations: odds under 1e-5."""
    logits = torch.tensor([[0.0, 1.0, -torch.inf, 2.0]]).repeat(20_000, 1)
    for temperature in (1.0, 0.7):
        generator = torch.Generator().manual_seed(0)
        choice, log_probability = choose(logits, Sampling(temperature), generator)
        expected = torch.softmax(logits[0] / temperature, -1).numpy()
        found = np.bincount(choice.numpy(), minlength=4) / 20_000
        bound = 5 * np.sqrt(expected * (1 - expected) / 20_000)
        assert (np.abs(found - expected) <= bound).all()
        assert found[2] == 0
        untempered = torch.log_softmax(logits[0], -1)
        torch.testing.assert_close(log_probability, untempered[choice])


def test_top_p_keeps_the_likeliest_only():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(2_000, 1)
    generator = torch.Generator().manual_seed(0)
    for top_p, kept in [
        (0.4, {0}),
        (0.45, {0}),
        (0.6, {0, 1}),
        (0.9, {0, 1, 2}),
        (1.0, {0, 1, 2, 3}),
    ]:
        choice, _ = choose(logits, Sampling(1.0, top_p), generator)
        assert set(choice.tolist()) == kept


def test_free_text_is_written_and_decoded():
    import pandas as pd

    from counterpoise.columns import Schema

    texts = ['a\nb, "c"', "missing", "", "é🙂", None]
    frame = pd.DataFrame({"y": ["n", "y", "n", "y", "n"], "note": texts})
    schema = Schema.infer(frame, kinds={"note": "text"})
    table = Table.from_frame(frame, schema)
    backbone = get_model("compact").load("cpu")
    for serializer in (table_serializer(table), text_serializer(table, backbone.tokenizer)):
        model = backbone.build(serializer.vocabulary, 0)
        codes = np.full((50, 2), ABSENT, dtype=np.int64)
        codes[:, 0] = 0
        generated, _ = generate(
            model,
            serializer,
            Table(schema, codes, table.texts),
            np.tile([0, 1], (50, 1)),
            Sampling(batch_size=20),
            device=CPU,
            rng=np.random.default_rng(0),
            advance=Stage(),
        )
        notes = generated.to_frame()["note"]
        longest = max(len(text) for text in texts if text)
        assert notes.isna().any()
        assert notes.dropna().str.len().max() <= longest
        alphabet = {character for text in texts if text for character in text}
        assert {c for note in notes.dropna() for c in note} <= alphabet
        assert notes.dropna().nunique() > 5


@pytest.mark.parametrize("name", ["compact table", "compact text", "gpt2 table", "gpt2 text"])
@pytest.mark.parametrize(
    "texts",
    [["AB-01", "AC-10", "BA-11"], ["aaa", "aaaa"], ["ab"]],
    ids=["equal", "one", "constant"],
)
def test_free_text_has_its_forced_characters_too(name, texts, tmp_path):
    """The end is forced after the longest text, a character where only one is left to choose."""
    model, serialization = name.split()
    backbone = get_model("compact" if model == "compact" else str(save_gpt2(tmp_path))).load("cpu")
    frame = pd.DataFrame({"y": ["a", "b"] * len(texts), "note": texts * 2})
    table = Table.from_frame(frame, Schema.infer(frame, kinds={"note": "text"}))
    build = text_serializer if serialization == "text" else table_serializer
    serializer = build(table, backbone.tokenizer)
    codes = np.column_stack([np.arange(40) % 2, np.full(40, ABSENT)])
    generated, _ = generate(
        backbone.build(serializer.vocabulary, 0).eval(),
        serializer,
        Table(table.schema, codes),
        np.tile(np.arange(2), (40, 1)),
        Sampling(batch_size=16),
        device=CPU,
        rng=np.random.default_rng(0),
        advance=Stage(),
    )
    notes = generated.to_frame()["note"]
    assert notes.str.len().between(min(map(len, texts)), max(map(len, texts))).all()
    assert notes.map(lambda note: set(note) <= set("".join(texts))).all()
