"""The bench of key–value pairs across segments, and the reading across segments that it trains with."""

import pytest
import torch

from mnemic.errors import ConfigError
from mnemic.evals.keyed import KeysConfig, run
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.hosts import attach
from mnemic.hosts.calls import returned_cache
from mnemic.memories.recurrent import RecurrentMemory
from mnemic.testing import tiny_model
from mnemic.train.segments import read_across


def test_what_was_told_comes_through_the_state_alone() -> None:
    small = KeysConfig(pairs=2, values=4, gap=1, hidden=64, size=64, steps=350, rows=64, rate=3e-3, seeds=1, asked=250)
    summary = run(small)
    (carried,), (reset,), (plain,) = summary.carried, summary.reset, summary.plain
    assert carried.n == reset.n == plain.n == 250
    assert summary.chance == 0.25
    # nearly all, and no more than chance without the state
    assert carried.low > 0.9
    assert reset.low < summary.chance < reset.high + 0.05
    # with two pairs alone the plain memory learns it too
    assert plain.low > 0.9
    assert summary.reached == [(2, 1)]
    assert summary.plain_reached[0] in [(2, 0), (2, 1)]
    (table,) = tables_of(to_json(summary))
    assert [row[0] for row in table.rows] == ["0"]


def test_gradients_flow_back_through_all_segments() -> None:
    model = tiny_model("llama")
    memory = RecurrentMemory(("middle",), 8, 0.9, cell="mingru")
    handle = attach(model, [memory])
    with torch.no_grad():
        memory.at["middle"].weight_out.normal_(0.0, 0.1)
    segments = [torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6]]), torch.tensor([[7, 8, 9]])]
    weight = model.get_input_embeddings().weight
    for carry, reached in ((True, True), (False, False)):
        model.zero_grad()
        read_across(model, handle, segments, carry=carry).square().sum().backward()
        assert bool(weight.grad[1:7].abs().sum() > 0) is reached
        assert weight.grad[7:10].abs().sum() > 0
    # and nothing stays carried on
    assert memory.carried is None
    with torch.no_grad():
        whole = read_across(model, handle, segments)
        cache = returned_cache(model(segments[0], use_cache=True))
        for segment in segments[1:]:
            memory.carry_on(handle.states(cache)[0])
            out = model(segment, use_cache=True)
            cache = returned_cache(out)
    torch.testing.assert_close(out.logits, whole)


@pytest.mark.parametrize("wrong", [{"pairs": 0}, {"layers": 2}, {"hidden": 20}, {"rate": 0.0}, {"seeds": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"is a whole number from [13]|is a multiple of"):
        KeysConfig(**wrong)
