"""Adaptive resonance: cells against artlib and by hand, both prototype sets, and the gate."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from mnemic import attach
from mnemic.errors import ConfigError, InputError, ShapeError
from mnemic.memories.resonance import CellConfig, CosineARTCell, FuzzyARTCell, PromotionConfig, Prototypes, ResonanceMemory
from mnemic.ops.resonance import choose, complement_code, fuzzy_match, loaded_vigilance
from mnemic.testing import tiny_model

FIXTURES = Path(__file__).parent.parent / "fixtures"


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("art_streams", FIXTURES / "art_streams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDED = json.loads((FIXTURES / "art_streams.json").read_text(encoding="utf-8"))["streams"]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: f"{r['kind']}-{r['size']}-{r['beta']}-{r['shuffle']}")
def test_fuzzy_art_assigns_as_artlib_does(recorded: dict[str, object]) -> None:
    maker = _maker()
    values = maker.stream(recorded["kind"], recorded["size"], recorded["count"], recorded["seed"])
    if recorded["shuffle"]:
        values = values[np.random.default_rng(recorded["shuffle"]).permutation(len(values))]
    config = CellConfig(capacity=512, vigilance=recorded["rho"], alpha=recorded["alpha"], rate=recorded["beta"])
    cell = FuzzyARTCell(recorded["size"], config).double()
    slots = cell.learn(torch.from_numpy(values)).slots.tolist()
    assert slots == recorded["labels"]
    assert len(set(slots)) > 1


def test_the_recorded_streams_are_those_of_the_maker() -> None:
    maker = _maker()
    made = [{**stream, "seed": n, "shuffle": s} for n, stream in enumerate(maker.STREAMS) for s in maker.SHUFFLES]
    assert [{name: value for name, value in r.items() if name != "labels"} for r in RECORDED] == made
    assert len(maker.STREAMS) >= 5


def test_choice_and_match_by_hand() -> None:
    code = complement_code(torch.tensor([0.25, 0.5]))
    assert code.tolist() == [0.25, 0.5, 0.75, 0.5]
    prototypes = torch.tensor([[0.25, 0.25, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0]])
    choice, match = fuzzy_match(code, prototypes, alpha=0.5)
    # |I∧w| is 1.5 and 2, |w| 1.5 and 4, |I| 2
    assert choice.tolist() == pytest.approx([1.5 / 2, 2 / 4.5])
    assert match.tolist() == pytest.approx([0.75, 1.0])
    # the first in order of choice, unless it fails the vigilance test
    for vigilance, winner in ((0.7, 0), (0.8, 1)):
        slot, found = choose(fuzzy_match(code, prototypes, alpha=0.5), torch.tensor([True, True]), vigilance)
        assert (int(slot), bool(found)) == (winner, True)
    assert not choose(fuzzy_match(code, prototypes, alpha=0.5), torch.tensor([True, False]), 0.8)[1]


def test_slow_learning_moves_part_of_the_way() -> None:
    cell = FuzzyARTCell(1, CellConfig(vigilance=0.0, rate=0.5))
    cell.learn(torch.tensor([[0.0], [1.0]]))
    # the code of 0 is (0, 1), of 1 (1, 0): their minimum is (0, 0), half way there is (0, 1/2)
    assert cell.prototypes[0].tolist() == [0.0, 0.5]


def test_a_running_mean_of_directions() -> None:
    cell = CosineARTCell(3, CellConfig(vigilance=0.2, rate=0.01, average=True))
    x = torch.tensor([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [1.0, 0.0, 0.2]])
    assert cell.learn(x).slots.tolist() == [0, 0, 0]
    mean = torch.nn.functional.normalize(torch.nn.functional.normalize(x, dim=-1).mean(0), dim=-1)
    # each step normalises again, so that it is the mean but for terms of the third order in the angles
    assert torch.allclose(cell.prototypes[0], mean, atol=3e-3)


def test_labels_split_what_looks_alike() -> None:
    """Match tracking: the same place with another answer becomes a prototype of its own, and both are found again."""
    x = torch.tensor([[0.5, 0.5], [0.52, 0.5], [0.5, 0.5], [0.52, 0.5]])
    labels = torch.tensor([0, 1, 0, 1])
    without, with_labels = FuzzyARTCell(2, CellConfig(vigilance=0.5)), FuzzyARTCell(2, CellConfig(vigilance=0.5))
    assert without.learn(x).slots.tolist() == [0, 0, 0, 0]
    assert with_labels.learn(x, labels).slots.tolist() == [0, 1, 0, 1]
    assert with_labels.label[:2].tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_match_tracking_ends_in_every_type(dtype: torch.dtype) -> None:
    """Where vigilance can't be raised by so little, whoever lost is out all the same."""
    cell = CosineARTCell(2, CellConfig(vigilance=0.5, tracking=1e-9)).to(dtype)
    x = torch.tensor([[1.0, 0.0], [0.8, 0.6], [1.0, 0.0]])
    # the last one is exactly what slot 0 stands for, and no other prototype matches it better than that
    assert cell.learn(x, torch.tensor([0, 1, 1])).slots.tolist() == [0, 1, 2]


def test_what_gradients_made_longer_is_a_direction_still() -> None:
    memory = Prototypes(CosineARTCell(2, CellConfig(vigilance=0.7)), PromotionConfig(capacity=1, count=1, drift=1.0))
    axes = torch.eye(2)
    memory.observe(axes[:1])
    with torch.no_grad():
        memory.settled.mul_(3)
    tilted = torch.tensor([[0.5, 0.8]])
    # at 58 degrees from the settled one: something new, which takes its place
    assert int(memory.observe(tilted)) >= memory.cell.config.capacity
    assert torch.allclose(memory.cell.prototypes[memory.cell.used].norm(dim=-1), torch.ones(1))


def test_a_filling_memory_is_less_eager() -> None:
    assert [loaded_vigilance(0.8, 0.4, load) for load in (0, 0.5, 0.75, 1)] == pytest.approx([0.8, 0.8, 0.6, 0.4])
    directions = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    eager = CosineARTCell(8, CellConfig(capacity=20, vigilance=0.9))
    calm = CosineARTCell(8, CellConfig(capacity=20, vigilance=0.9, floor=0.3))
    made = [int(cell.learn(directions).new.sum()) for cell in (eager, calm)]
    assert made[0] > 3 * made[1]


def test_a_full_memory_recycles_what_is_worth_least() -> None:
    cell = CosineARTCell(4, CellConfig(capacity=3, vigilance=0.9))
    axes = torch.eye(4)
    cell.learn(torch.stack([axes[0], axes[0], axes[1], axes[2]]))
    # 1 and 2 have one input each, 1 was unused for longer
    assert cell.learn(axes[3:4]).slots.tolist() == [1]
    assert cell.assign(axes[1:2]).slots.tolist() == [-1]
    assert cell.assign(axes[0:1]).slots.tolist() == [0]
    assert cell.count.tolist() == [2, 1, 1]


def test_a_stream_continues_from_its_state_dict_bit_for_bit() -> None:
    x = torch.rand(200, 6, generator=torch.Generator().manual_seed(1))
    whole, first = (FuzzyARTCell(6, CellConfig(capacity=16, vigilance=0.8, floor=0.5, rate=0.5)) for _ in range(2))
    expected = whole.learn(x)
    before = first.learn(x[:90])
    second = FuzzyARTCell(6, first.config)
    second.load_state_dict(first.state_dict())
    after = second.learn(x[90:])
    assert torch.equal(torch.cat([before.slots, after.slots]), expected.slots)
    assert all(torch.equal(a, b) for a, b in zip(second.state_dict().values(), whole.state_dict().values(), strict=True))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_stream_with_a_hole_teaches_nothing(bad: float) -> None:
    cell = CosineARTCell(2)
    cell.learn(torch.tensor([[1.0, 0.0]]))
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    with pytest.raises(InputError, match=r"finite\. Got: input 1 isn't"):
        cell.learn(torch.tensor([[0.0, 1.0], [bad, 0.0]]))
    with pytest.raises(InputError, match="aren't negative"):
        cell.learn(torch.tensor([[0.0, 1.0]]), torch.tensor([-2]))
    with pytest.raises(ShapeError, match=r"A stream is \[N, 2\]"):
        cell.learn(torch.zeros(3, 4))
    with pytest.raises(ShapeError, match=r"Fuzzy inputs lie in \[0, 1\]"):
        FuzzyARTCell(2).learn(torch.tensor([[0.0, 1.5]]))
    assert all(torch.equal(value, before[name]) for name, value in cell.state_dict().items())


@pytest.mark.parametrize(
    "settings",
    [{"vigilance": 1.5}, {"vigilance": -0.1}, {"vigilance": 0.5, "floor": 0.6}, {"rate": 0}, {"capacity": 0}, {"tracking": 0.0}],
)
def test_settings_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        CellConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sites": "top"}, r"Sites are among input, top, logits, each once\. Got: 'top'"),
        ({"sites": ()}, "Sites are among"),
        ({"capacity": "many"}, "`capacity` is a whole number. Got: 'many'"),
        ({"vigilance": None}, "`vigilance` is a number. Got: None"),
        ({"floor": "low"}, "`floor` is a number. Got: 'low'"),
        ({"promote_drift": "a"}, "`drift` is a number"),
    ],
)
def test_settings_of_another_kind(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ResonanceMemory(**settings)


def _stream(frequent: int, rare: int, count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs around well separated directions, and which: frequent ones come 20 times as often as rare ones."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.nn.functional.normalize(torch.randn(frequent + rare, 32, generator=generator), dim=-1)
    weights = torch.cat([torch.full((frequent,), 20.0), torch.ones(rare)])
    which = torch.multinomial(weights, count, replacement=True, generator=generator)
    return centres[which] + 0.03 * torch.randn(count, 32, generator=generator), which


def test_proven_prototypes_are_promoted_and_rare_ones_stay() -> None:
    x, which = _stream(5, 5, 600)
    memory = Prototypes(
        CosineARTCell(32, CellConfig(capacity=64, vigilance=0.7, rate=0.02, average=True)), PromotionConfig(count=30, drift=0.02)
    )
    memory.observe(x)
    assert int(memory.occupied.sum()) == 5
    assert [m.kind for m in memory.history()] == ["promoted"] * 5
    places = memory.observe(x)
    assert all((place >= 64) == (label < 5) for place, label in zip(places.tolist(), which.tolist(), strict=True))
    # one place for each, and the slots of the promoted are free again
    assert len({(p, w) for p, w in zip(places.tolist(), which.tolist(), strict=True)}) == len(set(which.tolist()))
    assert int(memory.cell.used.sum()) == len(set(which.tolist())) - 5


def test_a_full_settled_set_sends_back_the_least_used_one() -> None:
    memory = Prototypes(CosineARTCell(3, CellConfig(capacity=8, vigilance=0.9)), PromotionConfig(capacity=1, count=2, drift=1.0))
    axes = torch.eye(3)
    memory.observe(axes[[0, 0, 1, 1]])
    assert [(m.kind, m.settled) for m in memory.history()] == [("promoted", 0), ("demoted", 0), ("promoted", 0)]
    assert torch.equal(memory.settled[0].detach(), axes[1])
    # what was sent back is remembered still
    assert memory.cell.assign(axes[:1]).slots.tolist() != [-1]
    again = Prototypes(CosineARTCell(3, memory.cell.config), memory.config)
    again.load_state_dict(memory.state_dict())
    assert again.history() == memory.history()


def test_the_gate_by_hand() -> None:
    model = tiny_model("llama")
    memory = ResonanceMemory(sites=("top",), capacity=4)
    handle = attach(model, [memory])
    size = handle.host.hidden_size
    assert not memory.active()
    place = memory.place("top")
    known = torch.zeros(size)
    known[0] = 2.0
    memory.observe(known[None])
    with torch.no_grad():
        place.damping.fill_(0.5)
    assert memory.active()
    strange = torch.zeros(size)
    strange[1] = 3.0
    # what is known passes, what is strange is damped
    assert torch.allclose(place(torch.stack([known, strange])), torch.stack([known, strange / 2]))
    with torch.no_grad():
        place.damping.zero_()
        place.strength.fill_(0.25)
    expected = strange.clone()
    expected[0] += 0.25
    assert torch.allclose(place(strange[None])[0], expected)


def test_an_empty_memory_is_absent_even_with_an_open_gate() -> None:
    model = tiny_model("llama")
    memory = ResonanceMemory()
    attach(model, [memory])
    with torch.no_grad():
        memory.place("top").damping.fill_(1.0)
    assert not memory.active()


def test_only_observing_learns() -> None:
    model = tiny_model("llama")
    memory = ResonanceMemory(capacity=8)
    handle = attach(model, [memory])
    memory.observe(torch.randn(20, handle.host.hidden_size, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        memory.place("top").strength.fill_(0.5)
    before = {name: value.clone() for name, value in memory.state_dict().items()}
    model.generate(torch.tensor([[1, 2, 3]]), max_new_tokens=5, do_sample=False)
    assert all(torch.equal(value, before[name]) for name, value in memory.state_dict().items())


def test_prototypes_stay_on_the_scale_they_were_learned_on() -> None:
    memory = ResonanceMemory()
    handle = attach(tiny_model("llama"), [memory])
    states = torch.randn(50, handle.host.hidden_size, generator=torch.Generator().manual_seed(0)) * 3 + 5
    memory.standardise(states)
    standard = memory.place("top").standard(states)
    assert torch.allclose(standard.mean(0), torch.zeros(handle.host.hidden_size), atol=1e-5)
    assert torch.allclose(standard.std(0), torch.ones(handle.host.hidden_size), atol=1e-5)
    memory.observe(states)
    with pytest.raises(ConfigError, match="Standardise first"):
        memory.standardise(states)
    with pytest.raises(ShapeError, match=r"A stream is \[N, "):
        memory.observe(torch.zeros(3, 1))
    with pytest.raises(ShapeError, match=r"A stream is \[N, "):
        memory.standardise(torch.zeros(3, 1))
    with pytest.raises(InputError, match="finite"):
        memory.standardise(torch.full((3, handle.host.hidden_size), float("nan")))
    with pytest.raises(ConfigError, match=r"Sites of this memory, once attached: top\. Got: 'input'"):
        memory.observe(states, site="input")
    with pytest.raises(ConfigError, match="Sites are among input, top, logits"):
        ResonanceMemory(sites=("middle",))
