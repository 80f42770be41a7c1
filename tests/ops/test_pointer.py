"""The pointer's mixture against its definition, and its walk against every continuation."""

import itertools

import pytest
import torch

from mnemic.ops.pointer import Alternatives, Walk, advance, mix_logits, start_walk

VOCAB = 11


def _alternatives() -> Alternatives:
    tokens = torch.tensor([[[3, 4, 5], [3, 6, -1]], [[7, -1, -1], [-1, -1, -1]], [[1, 2, -1], [2, -1, -1]]])
    weights = torch.tensor([[0.75, 0.25], [1.0, 0.0], [0.5, 0.5]])
    return Alternatives(tokens, weights, torch.tensor([0.9, 0.5, 0.8]), torch.tensor([0, 2, 1]))


def _expected(alternatives: Alternatives, row: int, emitted: list[int], logits: torch.Tensor) -> torch.Tensor:
    """The definition, by loops: alternatives that begin with what was emitted and go on share the pointer by weight."""
    step = len(emitted) - int(alternatives.anchor[row])
    said = emitted[int(alternatives.anchor[row]) :]
    pointer = torch.zeros(VOCAB, dtype=torch.float64)
    for ids, weight in zip(alternatives.tokens[row].tolist(), alternatives.weights[row].tolist(), strict=True):
        ids = [i for i in ids if i >= 0]
        if weight > 0 and 0 <= step < len(ids) and ids[:step] == said:
            pointer[ids[step]] += weight
    if pointer.sum() == 0:
        return logits
    share = float(alternatives.strength[row])
    return ((1 - share) * logits.double().softmax(-1) + share * pointer / pointer.sum()).log()


@pytest.mark.parametrize("emitted", [list(p) for n in range(4) for p in itertools.product((1, 3, 4, 7), repeat=n)])
def test_the_mixture_is_its_definition(emitted: list[int]) -> None:
    alternatives = _alternatives()
    logits = torch.randn(3, VOCAB, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    walk = start_walk(alternatives)
    for token in emitted:
        walk = advance(alternatives, walk, torch.full((3,), token), torch.ones(3, dtype=torch.bool))
    mixed = mix_logits(alternatives, walk, logits).log_softmax(-1)
    for row in range(3):
        expected = _expected(alternatives, row, emitted, logits[row]).log_softmax(-1)
        # strength and weights are held in fp32: their rounding, relative 2^-24, is what remains
        torch.testing.assert_close(mixed[row], expected, rtol=1e-6, atol=1e-6)


def test_a_silent_row_keeps_its_bits() -> None:
    alternatives = _alternatives()
    logits = torch.randn(3, VOCAB, dtype=torch.bfloat16)
    mixed = mix_logits(alternatives, start_walk(alternatives), logits)
    assert mixed.dtype == torch.bfloat16
    assert torch.equal(mixed[1], logits[1])
    assert not torch.equal(mixed[0], logits[0])


def test_padding_does_not_move_the_walk() -> None:
    alternatives = _alternatives()
    start = start_walk(alternatives)
    after = advance(alternatives, start, torch.tensor([9, 9, 9]), torch.tensor([False, False, True]))
    assert after.seen.tolist() == [0, 0, 1]
    assert torch.equal(after.alive, start.alive)


def test_leaving_an_alternative_is_for_good() -> None:
    alternatives = _alternatives()
    walk = start_walk(alternatives)
    yes = torch.ones(3, dtype=torch.bool)
    for token in (3, 6):
        walk = advance(alternatives, walk, torch.full((3,), token), yes)
    assert walk.alive[0].tolist() == [False, True]
    logits = torch.zeros(3, VOCAB)
    # the second alternative ended after 6: nothing more is said
    assert torch.equal(mix_logits(alternatives, walk, logits)[0], logits[0])


def test_probabilities_sum_to_one() -> None:
    alternatives = _alternatives()
    walk = Walk(alternatives.anchor.clone(), alternatives.weights > 0)
    logits = torch.randn(3, VOCAB, dtype=torch.float64) * 5
    assert torch.allclose(mix_logits(alternatives, walk, logits).exp().sum(-1), torch.ones(3, dtype=torch.float64), atol=1e-6)
