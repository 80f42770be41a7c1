"""`mnemic plot resonance`: a text, line by line, before adaptive resonance: what it knows, keeps and promotes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..arguments import check_path
from ..encoders import Encoder, check_encoder, load_encoder
from ..errors import InputError, rule_got_do
from ..memories.resonance import CellConfig, CosineARTCell, PromotionConfig, Prototypes
from ..memories.resonance.prototypes import Move
from . import drawing

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class ResonanceConfig:
    """What `mnemic plot resonance` draws."""

    data: Path = Path("text.txt")
    """A UTF-8 text; each line that isn't empty is an input."""
    encoder: str = "minilm"
    """"minilm", or the folder or hub id of a sentence-transformers model."""
    vigilance: float = 0.55
    """How alike an input and a prototype must be to resonate, in [0, 1]."""
    capacity: int = 256
    """Prototypes at most."""
    promote_after: int = 12
    """Inputs after which a prototype is settled."""
    out: Path = Path("resonance.png")
    """The picture: .png, .svg or .pdf."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        CellConfig(capacity=self.capacity, vigilance=self.vigilance)
        PromotionConfig(count=self.promote_after)


@dataclass(frozen=True)
class _Seen:
    """Per input: best match before it was taken in, where it went, and how many prototypes of either sort there were then."""

    match: list[float]
    place: list[int]
    learned: list[int]
    settled: list[int]
    moves: list[Move]


def run(
    config: ResonanceConfig,
    *,
    tell: Callable[[str, int, int], None] = lambda stage, done, size: None,
    encoder: Encoder | None = None,
) -> Path:
    """Draw the stream.

    Args:
        config: what to draw.
        tell: told of a stage, how much of it is done, and its size.
        encoder: of the lines; None for the one that is named.

    Raises:
        ConfigError: if the picture can't be drawn, or a setting or the encoder can't be used.
        InputError: if the text can't be read.
    """
    drawing.check_out(config.out)
    check_encoder(config.encoder)
    lines = _lines(Path(check_path("data", config.data)).expanduser())
    encoder = encoder or load_encoder(config.encoder, None, 0)
    memory = Prototypes(
        CosineARTCell(encoder.dim, CellConfig(capacity=config.capacity, vigilance=config.vigilance, rate=0.02, average=True)),
        PromotionConfig(count=config.promote_after),
    )
    seen = _Seen([], [], [], [], [])
    for begin in range(0, len(lines), _AT_ONCE):
        for vector in torch.from_numpy(encoder.encode(lines[begin : begin + _AT_ONCE])):
            _take_in(memory, vector, seen)
        tell("encode", min(begin + _AT_ONCE, len(lines)), len(lines))
    seen.moves.extend(memory.history())
    _draw(seen, config)
    return config.out


def _lines(path: Path) -> list[str]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(rule_got_do("A text is a readable UTF-8 file.", f"{path}: {error}", "Check its path.")) from error
    if not lines:
        raise InputError(rule_got_do("A text has a line that isn't empty.", str(path), "Give another."))
    return lines


@torch.no_grad()
def _take_in(memory: Prototypes, vector: Tensor, seen: _Seen) -> None:
    cell = memory.cell
    code = cell.encode(vector[None])[0]
    known = torch.cat([cell.prototypes[cell.used], memory.settled[memory.occupied]])
    seen.match.append(float(cell.compare(code, known).match.max()) if len(known) else 0.0)
    seen.place.append(int(memory.observe(vector[None])))
    seen.learned.append(int(cell.used.sum()))
    seen.settled.append(int(memory.occupied.sum()))


def _draw(seen: _Seen, config: ResonanceConfig) -> None:
    figure, (resonance, prototypes, places) = drawing.panels(3, title=f"Resonance over {config.data.name}")
    resonance.plot(seen.match, ".", markersize=2)
    resonance.axhline(config.vigilance, color="tab:red", linewidth=1, label="vigilance")
    resonance.set(title="best match of each input: below vigilance it is new", xlabel="input", ylabel="match")
    resonance.legend(loc="lower right")
    prototypes.plot(seen.learned, label="ART memory")
    prototypes.plot(seen.settled, label="settled")
    for kind, colour in (("promoted", "tab:green"), ("demoted", "tab:red")):
        times = [move.time for move in seen.moves if move.kind == kind]
        prototypes.plot(times, [0] * len(times), "|", color=colour, markersize=12, label=f"{kind} ({len(times)})")
    prototypes.set(title="prototypes", xlabel="input", ylabel="number")
    prototypes.legend(loc="upper left")
    places.plot(seen.place, ".", markersize=2)
    places.axhline(config.capacity - 0.5, color="tab:grey", linewidth=1)
    places.set(title="where each input went: settled prototypes above the line", xlabel="input", ylabel="slot")
    drawing.save(figure, config.out)
