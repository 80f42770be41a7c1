"""`mnemic plot influence`: the curves of a result of `mnemic bench influence`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, rule_got_do
from . import drawing


@dataclass(frozen=True, kw_only=True)
class InfluenceConfig:
    """What `mnemic plot influence` draws."""

    result: Path = Path("influence.json")
    """A result of `mnemic bench influence --json FILE`."""
    out: Path = Path("influence.png")
    """The picture: .png, .svg or .pdf."""


def run(config: InfluenceConfig) -> Path:
    """Draw the curves.

    Raises:
        ConfigError: if the picture can't be drawn.
        InputError: if the file is no such result.
    """
    drawing.check_out(config.out)
    data = _result(config.result.expanduser())
    after = data["config"]["after"]
    figure, axes = drawing.panels(2, title="What a first turn's state says later")
    for axis, key, label in zip(axes, ("divergence", "left"), ("divergence in nats", "share of its size"), strict=True):
        for found in data["decays"]:
            line = axis.plot(after, [max(one["value"], 1e-9) for one in found[key]], ".-", label=f"decay {found['decay']:g}")[0]
            low, high = ([max(one[end], 1e-9) for one in found[key]] for end in ("low", "high"))
            axis.fill_between(after, low, high, alpha=0.2, color=line.get_color())
        axis.set(xscale="log", yscale="log", xlabel="tokens after the first turn", ylabel=label, ylim=(1e-6, None))
        axis.legend()
    drawing.save(figure, config.out)
    return config.out


def _result(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(rule_got_do("A result is a JSON file.", f"{path}: {error}", "Check its path.")) from error
    if not isinstance(data, dict) or (data.get("bench"), data.get("version")) != ("influence", 1):
        raise InputError(
            rule_got_do("Curves are drawn of a result of `mnemic bench influence`.", str(path), "Run that bench with --json.")
        )
    return data
