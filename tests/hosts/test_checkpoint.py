import json
import os

import pytest
import torch

from mnemic import registry
from mnemic.checkpoint import load_pretrained
from mnemic.errors import CheckpointMismatch, ConfigError
from mnemic.hosts import attach, host_spec
from mnemic.hosts.handle import engine_of
from mnemic.testing import TraceMemory, tiny_model


@pytest.fixture
def model():
    return tiny_model("llama")


@pytest.fixture
def saved(model, tmp_path):
    handle = attach(model, [TraceMemory(sites=("top",)), TraceMemory(sites=("input",), decay=0.5)])
    for memory in handle.memories:
        memory.arm()
    handle.save_pretrained(tmp_path / "saved")
    handle.detach()
    return tmp_path / "saved"


def test_settings_and_tensors_come_back(model, saved):
    handle = load_pretrained(saved, model)
    assert [memory.settings() for memory in handle.memories] == [
        {"sites": ["top"], "decay": 0.7},
        {"sites": ["input"], "decay": 0.5},
    ]
    assert all(memory.active() for memory in handle.memories)


def test_the_same_checkpoint_in_another_floating_point_type_is_the_same_host(saved):
    handle = load_pretrained(saved, tiny_model("llama", dtype=torch.bfloat16))
    assert handle.memories[0].write["top"].dtype == torch.bfloat16


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_another_model_is_refused(saved, family):
    other = tiny_model(family, seed=1)
    with pytest.raises(CheckpointMismatch, match=r"onto the model it was saved from. Got: .*fingerprint .*Load the model"):
        load_pretrained(saved, other)
    assert engine_of(other) is None


def edited(saved, **changes):
    manifest = json.loads((saved / "mnemic.json").read_text())
    manifest.update(changes)
    (saved / "mnemic.json").write_text(json.dumps(manifest))


def test_another_format_is_refused(model, saved):
    edited(saved, format_version=2)
    with pytest.raises(CheckpointMismatch, match=r"reads checkpoint format 1. Got: format 2, written by version"):
        load_pretrained(saved, model)


def test_an_unknown_memory_is_named(model, saved):
    edited(saved, memories=[{"name": "trade", "settings": {}, "file": "memory-0.safetensors"}])
    with pytest.raises(ConfigError, match=r"Unknown memory 'trade'. Did you mean 'trace'\? Available: .*trace"):
        load_pretrained(saved, model)


def test_settings_of_another_version_are_refused(model, saved):
    edited(saved, memories=[{"name": "trace", "settings": {"colour": 1}, "file": "memory-0.safetensors"}])
    with pytest.raises(CheckpointMismatch, match="colour"):
        load_pretrained(saved, model)


def test_tensors_that_dont_fit_leave_the_model_as_it_was(model, saved):
    edited(saved, memories=[{"name": "trace", "settings": {"sites": ["input"]}, "file": "memory-0.safetensors"}])
    with pytest.raises(CheckpointMismatch, match=r"missing, unknown or differently shaped: read.input, read.top, write.input"):
        load_pretrained(saved, model)
    assert engine_of(model) is None


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_file_is_named(model, saved, damage):
    file = saved / "memory-1.safetensors"
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:50])
    with pytest.raises(CheckpointMismatch, match=r"memory-1.safetensors: .*Restore the file"):
        load_pretrained(saved, model)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format_version": 1}'])
def test_no_checkpoint_at_all(model, tmp_path, content):
    if content is not None:
        (tmp_path / "mnemic.json").write_text(content)
    with pytest.raises(CheckpointMismatch, match=r"mnemic.json"):
        load_pretrained(tmp_path, model)


def test_a_file_outside_the_folder_is_refused(model, saved):
    edited(saved, memories=[{"name": "trace", "settings": {}, "file": "../memory-0.safetensors"}])
    with pytest.raises(CheckpointMismatch, match=r"mnemic.json"):
        load_pretrained(saved, model)


def test_something_else_is_never_overwritten(model, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    handle = attach(model, TraceMemory())
    for path in (tmp_path, tmp_path / "letters.txt"):
        with pytest.raises(ConfigError, match="Choose another path"):
            handle.save_pretrained(path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_saving_again_replaces_and_leaves_nothing_beside(model, saved):
    handle = load_pretrained(saved, model)
    with torch.no_grad():
        handle.memories[0].write["top"].zero_()
    handle.save_pretrained(saved)
    handle.detach()
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]
    assert [memory.active() for memory in load_pretrained(saved, model).memories] == [False, True]


def test_a_save_that_fails_leaves_the_old_one(model, saved, monkeypatch):
    handle = load_pretrained(saved, model)
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    monkeypatch.setattr(TraceMemory, "settings", lambda self: {"sites": {1, 2}})
    with pytest.raises(ConfigError, match="plain JSON"):
        handle.save_pretrained(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_a_rename_that_fails_leaves_the_old_one(model, saved, monkeypatch):
    handle = load_pretrained(saved, model)
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with torch.no_grad():
        handle.memories[0].write["top"].zero_()
    rename, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("no space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        handle.save_pretrained(saved)
    assert len(calls) == 3
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_the_fingerprint_tells_weights_apart_and_nothing_else(model):
    here = host_spec(model).fingerprint
    assert host_spec(tiny_model("llama")).fingerprint == here
    assert host_spec(tiny_model("llama", dtype=torch.bfloat16)).fingerprint == here
    assert host_spec(tiny_model("llama", seed=1)).fingerprint != here
    assert host_spec(tiny_model("mistral")).fingerprint != here
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[0, 0] += 1
    assert host_spec(model).fingerprint != here


# -- the registry ----------------------------------------------------------------------------------------------------------------


def test_registering_again_and_by_another_class():
    assert registry.register("trace", TraceMemory) is TraceMemory

    class Other(TraceMemory):
        pass

    with pytest.raises(ConfigError, match=r"A memory's name is unique. Got: 'trace' for .*Other, taken by .*TraceMemory"):
        registry.register("trace", Other)
    with pytest.raises(ConfigError, match="registered under its own name"):
        registry.register("tracer", Other)
    with pytest.raises(ConfigError, match="registered under its own name"):
        registry.register("trace", object)


def test_an_unknown_name_without_a_close_one():
    with pytest.raises(ConfigError, match=r"^Unknown memory 'zzzz'. Available: .*trace"):
        registry.get("zzzz")


def test_names_and_classes():
    assert dict(registry.classes())["trace"] is TraceMemory
    assert list(registry.names()) == sorted(registry.names())
    assert registry.get("trace") is TraceMemory
