"""Checkpoints that a model may start from: what is read is in the key, and what cannot be trained from is one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from ehrgen.learning import pretrained
from ehrgen.learning.model.backbone import backbone
from ehrgen.learning.pretrained import PretrainedError
from ehrgen.learning.training import store
from tests.support.sequences import tiny
from tests.support.training import bart_checkpoint, here, matrices, recipe


def key_of(folder: Path) -> str:
    return store.key(recipe(pretrained=str(folder)), inputs=(), code=())


def test_the_content_is_in_the_key_and_what_is_not_read_is_not(tmp_path: Path):
    folder = tmp_path / "bart"
    bart_checkpoint(folder)
    first = key_of(folder)
    (folder / "README.md").write_text("notes")
    assert key_of(folder) == first
    bart_checkpoint(folder, seed=4)
    assert key_of(folder) != first != store.key(recipe(), inputs=(), code=())
    bart_checkpoint(folder)
    assert key_of(folder) == first


@pytest.mark.slow
def test_other_weights_in_the_same_folder_train_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Case 08: `already trained`, said the store, of the weights that had been there before."""
    monkeypatch.setenv("EHRGEN_STORE", str(tmp_path / "store"))
    manifests = []
    for seed in (3, 4):
        bart_checkpoint(tmp_path / "bart", seed=seed)
        settings = recipe(pretrained=str(tmp_path / "bart"), epochs=1)
        trained = store.train_once(key_of(tmp_path / "bart"), settings, tiny(), matrices(), here())
        manifests.append(json.loads((trained.folder / "manifest").read_text()))
        assert manifests[-1]["pretrained"] == pretrained.hashes(str(tmp_path / "bart"))
    first, second = (manifest["pretrained"] for manifest in manifests)
    assert first["model.safetensors"] != second["model.safetensors"] and first["config.json"] == second["config.json"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("named", [True, False], ids=["dtype in config.json", "no dtype in config.json"])
def test_half_precision_is_trained_in_full(dtype: torch.dtype, named: bool, tmp_path: Path):
    half = bart_checkpoint(tmp_path / "half", dtype=dtype)
    path = tmp_path / "half" / "config.json"
    content = json.loads(path.read_text())
    assert content.pop("dtype") == str(dtype).removeprefix("torch.")
    if not named:
        path.write_text(json.dumps(content))
    bart = backbone(recipe(pretrained=str(tmp_path / "half")).model, len(tiny().vocabulary), 64)
    assert {parameter.dtype for parameter in bart.parameters()} == {torch.float32}
    weight = half.encoder.layers[0].fc1.weight
    assert torch.equal(bart.encoder.layers[0].fc1.weight, weight.float())


def test_of_several_formats_the_one_that_is_read_counts(tmp_path: Path):
    bart_checkpoint(tmp_path / "bart")
    (tmp_path / "bart" / "pytorch_model.bin").touch()
    assert [path.name for path in pretrained.files(tmp_path / "bart")] == ["config.json", "model.safetensors"]
    (tmp_path / "bart" / "model.safetensors").unlink()
    assert [path.name for path in pretrained.files(tmp_path / "bart")] == ["config.json", "pytorch_model.bin"]


def bert(folder: Path) -> None:
    shutil.rmtree(folder)
    BertModel(BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(
        folder
    )


def without(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return remove


def without_a_weight(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["decoder.layers.0.fc1.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def not_finite(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["decoder.layers.0.fc1.weight"][0, 0] = torch.inf
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def cut_short(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def of_parts(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (bert, "a checkpoint of bert, and the model builds on BART"),
        (without("config.json"), "no config.json there; it takes a folder that save_pretrained wrote"),
        (without("model.safetensors"), "no model.safetensors or pytorch_model.bin there"),
        (without("model.safetensors", "config.json"), "no model.safetensors or pytorch_model.bin there"),
        (without_a_weight, "1 of 93 weights of BART are not in it, such as decoder.layers.0.fc1.weight"),
        (not_finite, "1 weights are not finite, such as decoder.layers.0.fc1.weight"),
        (cut_short, "its weights cannot be read: SafetensorError: "),
        (of_parts, "2 of 4 files missing, such as model-1.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is none of a BART checkpoint"),
        (lambda folder: bart_checkpoint(folder, positions=60), "60 positions, 66 needed; lower sequence.max_tokens"),
    ],
)
def test_what_cannot_be_trained_from_is_refused_in_one_line(damage: Callable, message: str, tmp_path: Path):
    bart_checkpoint(tmp_path / "bart")
    damage(tmp_path / "bart")
    with pytest.raises(PretrainedError) as refused:
        backbone(recipe(pretrained=str(tmp_path / "bart")).model, len(tiny().vocabulary), 64)
    said = str(refused.value)
    assert said.startswith(f"model.pretrained: {tmp_path / 'bart'}: ") and message in said and "\n" not in said


@pytest.mark.parametrize("name", ["/no/such/folder", "nobody/no-such-bart", "no such name"])
def test_neither_a_folder_nor_a_name_on_the_hub(name: str):
    with pytest.raises(PretrainedError, match=f"there is no folder {name}, and no checkpoint of that name could"):
        store.key(recipe(pretrained=name), inputs=(), code=())


def test_links_say_what_each_variant_starts_from(tmp_path: Path):
    bart_checkpoint(tmp_path / "bart")
    (tmp_path / "bart" / "notes.txt").write_text("not read")
    checkpoints = {"plain": None, "started": str(tmp_path / "bart"), "hub": "facebook/bart-base"}
    for _ in range(2):  # the second time over the first
        pretrained.link(checkpoints, tmp_path / "links")
    made = {path.relative_to(tmp_path / "links").as_posix() for path in (tmp_path / "links").rglob("*.*")}
    names = {f"{variant}/name.txt" for variant in checkpoints}
    assert made == names | {"started/config.json", "started/model.safetensors"}
    linked = tmp_path / "links" / "started" / "model.safetensors"
    assert linked.read_bytes() == (tmp_path / "bart" / "model.safetensors").read_bytes()
    assert (tmp_path / "links" / "plain" / "name.txt").read_text() == "none\n"
    with pytest.raises(PretrainedError, match=r"no model\.safetensors or pytorch_model"):
        pretrained.link({"empty": str(tmp_path)}, tmp_path / "links")
