"""Which calibrated gate goes with a host and an encoder."""

from pathlib import Path

from .arguments import check_path
from .errors import ConfigError, rule_got_do
from .memories.fact.gate import Gate

_WEIGHTS = Path(__file__).parent / "memories" / "fact" / "weights"
SHIPPED = ("smollm2-minilm", "minilm", "words")
"""Gates in the package, the most demanding first: fitted for a host and an encoder, for an encoder alone, for neither."""


def choose_gate(path: str | Path | None, host: str, encoder_id: str) -> Gate:
    """Return the gate in a file, or the shipped one that looks at the most of what is there.

    Args:
        path: a file that calibration wrote, or None.
        host: fingerprint of the host.
        encoder_id: identity of the encoder.

    Raises:
        ConfigError: if the named gate was fitted for another host or encoder.
        CheckpointMismatch: if the file is no gate.
    """
    if path is not None:
        gate = Gate.load(Path(check_path("gate", path)).expanduser())
        if not _fits(gate, host, encoder_id):
            raise ConfigError(
                rule_got_do(
                    "A gate is used with the model and the encoder it was fitted with.",
                    f"{path}: host {gate.host}, encoder {gate.encoder_id}; here host {host}, encoder {encoder_id}",
                    "Calibrate for this pair (lm.calibrate), or leave the gate out.",
                )
            )
        return gate
    for name in SHIPPED:
        gate = Gate.load(shipped(name))
        if _fits(gate, host, encoder_id):
            return gate
    raise ConfigError(rule_got_do("The package ships a gate for every host.", "none", "Reinstall Mnemic."))


def shipped(name: str) -> Path:
    """Return the file of a shipped gate."""
    return _WEIGHTS / f"{name}.safetensors"


def _fits(gate: Gate, host: str, encoder_id: str) -> bool:
    return gate.host in (None, host) and gate.encoder_id in (None, encoder_id)
