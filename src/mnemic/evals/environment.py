"""Where and with what a result was measured."""

import platform
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .. import __version__

_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "sentence-transformers", "faiss-cpu")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Revision, versions and hardware of a run."""

    mnemic: str
    revision: str | None
    """Git revision of the source tree, "+changes" where it isn't committed; None outside a checkout."""
    python: str
    packages: dict[str, str] = field(default_factory=dict)
    platform: str = ""
    cpu: str = ""
    threads: int = 0
    device: str = ""


def describe(device: str | None = None) -> Environment:
    """Return the environment of this process, and of the device that a model is loaded on."""
    place = device or "cpu"
    return Environment(
        mnemic=__version__,
        revision=_revision(Path(__file__).parent),
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _installed(name)) is not None},
        platform=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(place) if place.startswith("cuda") else place,
    )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _revision(folder: Path) -> str | None:
    if _git(folder, "ls-files", "--error-unmatch", __file__) is None:
        # installed into an environment that happens to lie inside somebody's repository
        return None
    head = _git(folder, "rev-parse", "--short=12", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", str(folder.parent))
    return f"{head}+changes" if head and changes else head


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
