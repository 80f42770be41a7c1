"""Training of the recurrent memory: the loss by hand, what is learned, and that it goes on where it stopped."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.letters import Letters
from mnemic.checkpoint import load_pretrained
from mnemic.errors import ConfigError, InputError
from mnemic.memories.resonance import ResonanceMemory
from mnemic.testing import tiny_model
from mnemic.testing.models import VOCAB
from mnemic.train.corpus import Streams, documents, split, windows
from mnemic.train.frozen import Freezer
from mnemic.train.recurrent import RecurrentTraining
from mnemic.train.resonance import ResonanceTraining
from mnemic.train.run import TrainRecurrentConfig, TrainResonanceConfig, run
from mnemic.train.top import Head, close_loss, exact_loss
from mnemic.train.trainer import Trainer

WINDOW = 8


def topics(count: int = 24, length: int = 96) -> list[torch.Tensor]:
    """Documents that use four letters each: whoever remembers which is better off in every window."""
    out = []
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        letters = torch.tensor([[1, 2, 3, 4], [11, 12, 13, 14], [21, 22, 23, 24]][number % 3])
        out.append(letters[torch.randint(0, 4, (length // WINDOW, WINDOW), generator=generator)])
    return out


def prepared(folder: Path | None = None) -> tuple[Any, Freezer, list[Any]]:
    model = tiny_model("llama")
    freezer = Freezer(model, Letters(), folder)
    return model, freezer, freezer.read(topics(), lambda tokens: None)


RECIPE = RecurrentTraining(size=16, decay=0.99, rows=4, epochs=3, common=50, rate=2e-2, truncate=2)


@pytest.mark.parametrize("family", ["llama", "phi"])
def test_what_is_kept_of_a_host_gives_its_losses_back(family: str) -> None:
    """With a bias in the head (Phi) and without."""
    model = tiny_model(family)
    freezer = Freezer(model, Letters(), None)
    (document,) = freezer.read(topics(1), lambda tokens: None)
    with torch.no_grad():
        logits = model(document.ids).logits.float()
    # states are kept in float16: 11 bits
    torch.testing.assert_close(document.normaliser, logits[:, :-1].logsumexp(-1), rtol=0, atol=1e-4)
    nothing = torch.zeros(WINDOW, document.states.shape[-1])
    exact = exact_loss(nothing, document.states[0], document.ids[0], freezer.head)
    torch.testing.assert_close(exact, document.nats[0], rtol=0, atol=2e-2)
    close = close_loss(
        nothing[None],
        document.states[:1].float(),
        document.ids[:1],
        document.normaliser[:1],
        freezer.head,
        torch.arange(5),
        torch.arange(9),
    )
    torch.testing.assert_close(close, document.nats[:1], rtol=0, atol=2e-2)


def test_the_training_loss_is_the_exact_one_where_the_part_is_all() -> None:
    generator = torch.Generator().manual_seed(0)
    head = Head(torch.randn(VOCAB, 6, generator=generator), torch.randn(VOCAB, generator=generator))
    states, shift = torch.randn(2, 5, 6, generator=generator), torch.randn(2, 5, 6, generator=generator)
    ids = torch.randint(0, VOCAB, (2, 5), generator=generator)
    normaliser = torch.nn.functional.linear(states, *head).logsumexp(-1)[:, :-1]
    # what is beside the part has no mass: the approximation has nothing to leave out
    exact = torch.stack([exact_loss(s, h, i, head) for s, h, i in zip(shift, states, ids, strict=True)])
    # all common, all sampled, and some of either
    for common, sample in ((VOCAB, 0), (0, VOCAB), (9, VOCAB)):
        close = close_loss(shift, states, ids, normaliser, head, torch.arange(common), torch.arange(sample))
        torch.testing.assert_close(close, exact, rtol=1e-4, atol=1e-4)


def test_raising_all_tokens_alike_gains_nothing_in_training() -> None:
    torch.manual_seed(0)
    head = Head(torch.cat([torch.randn(VOCAB, 15), torch.ones(VOCAB, 1)], dim=1), None)
    states, ids = torch.randn(2, WINDOW, 16), torch.randint(0, VOCAB, (2, WINDOW))
    normaliser = (states[:, :-1] @ head.weight.T).logsumexp(-1)
    shift = torch.zeros(2, WINDOW, 16)
    shift[..., -1] = 3.0
    plain, raised = (
        close_loss(s, states, ids, normaliser, head, torch.arange(4), torch.arange(0, VOCAB, 5)) for s in (0 * shift, shift)
    )
    torch.testing.assert_close(raised, plain, rtol=0, atol=1e-4)


def test_a_memory_learns_what_a_document_is_about(tmp_path: Path) -> None:
    model, freezer, frozen = prepared()
    parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
    trainer = Trainer(model, frozen, parts, freezer.head, RECIPE)
    alone = trainer.loss(parts.held, how="alone")
    assert trainer.loss(parts.held, how="carried") == alone
    assert alone == pytest.approx(float(torch.cat([frozen[i].nats for i in parts.held]).mean()), abs=2e-2)
    assert not trainer.memory.active()
    trained = trainer.train(folder=None, tell=lambda stage, done, size: None)
    assert trained.memory.active()
    assert trained.losses[-1] < trained.losses[0]
    carried, reset, other = (trainer.loss(parts.held, how=how) for how in ("carried", "reset", "other"))
    assert carried < reset < alone
    assert carried < other
    # what was trained on kept states speaks inside the model
    document = frozen[parts.held[0]]
    with torch.no_grad():
        logits = model(document.ids[:1]).logits
        nats = torch.nn.functional.cross_entropy(logits[0, :-1].float(), document.ids[0, 1:])
    inside = trainer.nats(parts.held[:1], how="reset")[0][0].mean()
    torch.testing.assert_close(nats, inside, rtol=0, atol=2e-2)


def test_training_goes_on_where_it_stopped_bit_for_bit(tmp_path: Path) -> None:
    def trainer(recipe: RecurrentTraining = RECIPE) -> Trainer:
        model, freezer, frozen = prepared(tmp_path / "states")
        parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
        return Trainer(model, frozen, parts, freezer.head, recipe)

    def silent(stage: str, done: int, size: int) -> None:
        return None

    whole = trainer().train(folder=None, tell=silent)

    class Stopped(Exception):
        pass

    def stop(stage: str, done: int, size: int) -> None:
        if stage == "epoch 3":
            raise Stopped

    with pytest.raises(Stopped):
        trainer().train(folder=tmp_path / "run", tell=stop)
    resumed = trainer().train(folder=tmp_path / "run", tell=silent)
    assert resumed.losses == whole.losses
    for name, value in whole.memory.state_dict().items():
        assert torch.equal(value, resumed.memory.state_dict()[name]), name
    with pytest.raises(ConfigError, match="of which decay, epochs, rate, rows, truncate differs"):
        trainer(RecurrentTraining(size=16, decay=0.5, common=50)).train(folder=tmp_path / "run", tell=silent)
    # another text of the same size, or other windows of the same, is another training
    others = trainer()
    others._frozen = [replace(d, ids=d.ids.flip(1)) for d in others._frozen]
    with pytest.raises(ConfigError, match="of which text differs"):
        others.train(folder=tmp_path / "run", tell=silent)
    (tmp_path / "run" / "progress.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="Progress is a file that training wrote"):
        trainer().train(folder=tmp_path / "run", tell=silent)


def test_the_rate_falls_to_nothing_at_the_very_end_only() -> None:
    """Documents aren't divided between rows: an epoch has as many windows as its longest row."""
    model, freezer, frozen = prepared()
    parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
    trainer = Trainer(model, frozen, parts, freezer.head, RecurrentTraining(size=4, rows=5, epochs=2, common=50, truncate=1))
    rates: list[float] = []
    descend = trainer._descend

    def watched(*args: Any) -> None:
        descend(*args)
        rates.append(trainer._optimizer.param_groups[0]["lr"])

    trainer._descend = watched  # type: ignore[method-assign]
    trainer.train(folder=None, tell=lambda stage, done, size: None)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert all(rate > 0 for rate in rates[:-1])
    assert max(rates) > 1e-3


def test_it_stops_when_nothing_gets_better() -> None:
    model, freezer, frozen = prepared()
    parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
    # a step too large to learn anything by
    recipe = RecurrentTraining(size=16, rows=4, epochs=20, patience=2, rate=50.0, common=50)
    trained = Trainer(model, frozen, parts, freezer.head, recipe).train(folder=None, tell=lambda stage, done, size: None)
    assert len(trained.losses) < 20
    assert min(trained.losses) == trained.losses[-3]


def test_rows_take_documents_in_turn() -> None:
    streams, begun = Streams([2, 1, 3], 2, [2, 0, 1]), []
    steps = []
    while places := streams.step(begun.append):
        steps.append(places)
    assert steps == [[(0, 2, 0), (1, 0, 0)], [(0, 2, 1), (1, 0, 1)], [(0, 2, 2), (1, 1, 0)]]
    assert begun == [0, 1, 1, 0, 1]


def test_texts_and_windows(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("= One\nabc\n= Two\ndefghi\n", encoding="utf-8")
    assert documents(path, "= ") == ["= One\nabc\n", "= Two\ndefghi\n"]
    assert documents(path, None) == ["= One\nabc\n= Two\ndefghi\n"]
    # groups and flags of an expression make no documents of their own
    for expression in ("(= )", "(= )|(#)", "(?i:= )"):
        assert documents(path, expression) == ["= One\nabc\n", "= Two\ndefghi\n"]
    with pytest.raises(ConfigError, match="A separator is a regular expression"):
        documents(path, "(?i)= ")
    assert [w.shape for w in windows(Letters(), ["abcdefg", "ab"], 3)] == [(2, 3)]
    with pytest.raises(ConfigError, match="A separator is a regular expression"):
        documents(path, "(")
    with pytest.raises(InputError, match="readable UTF-8"):
        documents(tmp_path / "none", None)
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    with pytest.raises(InputError, match="holds words"):
        documents(tmp_path / "empty", None)
    with pytest.raises(InputError, match="There are documents to train on"):
        split([5, 5], development=0.1, held=0.1, seed=0)


def test_a_broken_reading_is_read_anew(tmp_path: Path) -> None:
    _, _, first = prepared(tmp_path)
    kept = sorted(tmp_path.glob("*.safetensors"))
    assert len(kept) == len(first)
    kept[0].write_bytes(b"nothing")
    _, _, again = prepared(tmp_path)
    assert all(torch.equal(a.states, b.states) and torch.equal(a.nats, b.nats) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {"rows": 0},
        {"size": 0},
        {"decay": 2.0},
        {"truncate": 0},
        {"rate": 0.0},
        {"weight_decay": -1.0},
        {"patience": 0},
        {"seed": -1},
        {"rate": float("nan")},
        {"output_gate": "no"},
        {"sites": ("side",)},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RecurrentTraining(**settings)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """The documents as a file, each behind a sign of its own."""
    path = tmp_path / "text.txt"
    lines = ["=" + "".join(chr(int(i) + 59) for i in d.flatten()) for d in topics(24)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_two_processes_train_one_memory(tmp_path: Path, text: Path) -> None:
    """As `accelerate launch` starts them: both end with the same weights, and one of them saves."""
    script = Path(__file__).parent / "fixtures" / "train_two.py"
    # its launcher of several processes on one machine; the training itself takes the CPU
    launch = (
        "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    )
    command = [sys.executable, *launch.split(), "--main_process_port", "0", str(script), str(text), str(tmp_path / "memory")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    digests = dict(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("rank "))
    assert digests.keys() == {"0", "1"}
    assert digests["0"] == digests["1"]
    (gain,) = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("gain ")]
    assert gain > 0
    assert not (tmp_path / "memory.progress").exists()


def test_the_command_trains_saves_and_goes_on(tmp_path: Path, text: Path) -> None:
    settings: dict[str, Any] = {"data": text, "separator": "=", "window": WINDOW, "size": 16, "epochs": 2, "common": 50}
    config = TrainRecurrentConfig(**settings, rate=2e-2, rows=4, out=tmp_path / "memory")
    told: list[str] = []
    summary = run(config, tell=lambda stage, done, size: told.append(stage), loads=lambda name: (tiny_model("llama"), Letters()))
    assert summary.memory < summary.alone
    assert {"read", "epoch 1", "epoch 2", "measure"} <= set(told)
    assert not (tmp_path / "memory.progress").exists()
    model = tiny_model("llama")
    handle = load_pretrained(tmp_path / "memory", model)
    (memory,) = handle.memories
    assert memory.active()
    with pytest.raises(ConfigError, match="A memory is written to a new folder"):
        run(TrainRecurrentConfig(**settings, out=tmp_path), loads=lambda name: (tiny_model("llama"), Letters()))


def test_what_can_be_refused_early_is(tmp_path: Path, text: Path) -> None:
    def loads(name: str) -> tuple[Any, Any]:
        raise AssertionError("a model was loaded")

    diary = tmp_path / "diary"
    diary.mkdir()
    (diary / "today.md").write_text("dear diary", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"States are kept in a new folder.*today\.md"):
        run(TrainRecurrentConfig(data=text, states=diary, out=tmp_path / "m"), loads=loads)
    with pytest.raises(InputError, match="readable UTF-8"):
        run(TrainRecurrentConfig(data=tmp_path / "none", out=tmp_path / "m"), loads=loads)
    with pytest.raises(ConfigError, match="at position 0"):
        run(TrainRecurrentConfig(data=text, separator="(", out=tmp_path / "m"), loads=loads)
    with pytest.raises(InputError, match=r"There are documents to train on.*1 in text\.txt.*--separator"):
        run(TrainRecurrentConfig(data=text, out=tmp_path / "m"), loads=loads)
    # what a killed process left of a kept state is no obstacle
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / ".abc.safetensors.x7f3k2").write_bytes(b"half")
    with pytest.raises(AssertionError, match="a model was loaded"):
        run(TrainRecurrentConfig(data=text, separator="=", states=kept, out=tmp_path / "m"), loads=loads)
    with pytest.raises(ConfigError, match="`window` is a whole number from 2 on"):
        TrainRecurrentConfig(window=1)
    with pytest.raises(ConfigError, match="shares that leave something"):
        TrainRecurrentConfig(development=0.5, held=0.6)


@pytest.mark.parametrize("sites", [("middle",), ("input", "top")])
def test_inside_a_host_gradients_flow_through_it_and_its_weights_stay(sites: tuple[str, ...], tmp_path: Path) -> None:
    recipe = RecurrentTraining(sites=sites, size=16, decay=0.99, rows=4, epochs=2, rate=2e-2, truncate=2, output_gate=True)

    def trainer() -> tuple[Any, Trainer, list[int]]:
        model, freezer, frozen = prepared(tmp_path / "states")
        parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
        return model, Trainer(model, frozen, parts, freezer.head, recipe), parts.held

    def silent(stage: str, done: int, size: int) -> None:
        return None

    model, one, held = trainer()
    before = {name: value.clone() for name, value in model.named_parameters()}
    alone = one.loss(held, how="alone")
    trained = one.train(folder=None, tell=silent)
    carried, reset, other = (one.loss(held, how=how) for how in ("carried", "reset", "other"))
    assert carried < reset < alone
    assert carried < other
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name]), name
        assert value.requires_grad
        assert value.grad is None
    # stopped after the first epoch, it goes on bit for bit

    class Stopped(Exception):
        pass

    def stop(stage: str, done: int, size: int) -> None:
        if stage == "epoch 2":
            raise Stopped

    with pytest.raises(Stopped):
        trainer()[1].train(folder=tmp_path / "run", tell=stop)
    resumed = trainer()[1].train(folder=tmp_path / "run", tell=silent)
    for name, value in trained.memory.state_dict().items():
        assert torch.equal(value, resumed.memory.state_dict()[name]), name


@pytest.mark.parametrize(("part", "trained", "shut"), [("damping", "damping", "strength"), ("readout", "strength", "damping")])
def test_half_a_resonance_gate_is_trained_and_the_other_stays_shut(part: Any, trained: str, shut: str) -> None:
    model, freezer, frozen = prepared()
    parts = split([len(d.ids) for d in frozen], development=0.2, held=0.25, seed=0)
    recipe = ResonanceTraining(epochs=1, common=50, rows=4, rate=2e-2, observed=400, parts=part)
    trainer = Trainer(model, frozen, parts, freezer.head, recipe)
    assert isinstance(trainer.memory, ResonanceMemory)
    place = trainer.memory.place("top")
    alone = trainer.loss(parts.held, how="alone")
    assert trainer.loss(parts.held, how="reset") == alone
    trainer.train(folder=None, tell=lambda stage, done, size: None)
    assert getattr(place, shut).item() == 0.0
    assert getattr(place, trained).item() != 0.0
    assert trainer.loss(parts.held, how="reset") < alone


def test_the_command_trains_a_resonance_gate(tmp_path: Path, text: Path) -> None:
    settings: dict[str, Any] = {"separator": "=", "window": WINDOW, "epochs": 2, "common": 50, "rows": 4, "observed": 400}
    config = TrainResonanceConfig(data=text, rate=2e-2, out=tmp_path / "gate", **settings)
    told: list[str] = []
    summary = run(config, tell=lambda stage, done, size: told.append(stage), loads=lambda name: (tiny_model("llama"), Letters()))
    assert summary.memory < summary.alone
    assert "prototypes" in told
    (memory,) = load_pretrained(tmp_path / "gate", tiny_model("llama")).memories
    assert memory.active()
    for wrong in ({"parts": "all"}, {"observed": 1}, {"vigilance": 2.0}, {"settled": -1}):
        with pytest.raises(ConfigError):
            TrainResonanceConfig(**wrong)
