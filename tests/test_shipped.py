"""The trained memory that comes with the package."""

import pytest
import torch

from mnemic.checkpoint import load_pretrained, shipped
from mnemic.errors import CheckpointMismatch, ConfigError
from mnemic.models import load_model
from mnemic.testing import tiny_model

TEXT = (
    " = Harbour Lights ( film ) = \n The film was released in 1954 . It was directed by John Marsh , who had worked on two"
    " well @-@ known documentaries , and received mixed reviews . The score , which was written in three weeks ,"
    " won a prize in 1955 . \n"
)
"""Spaced as the text that it was trained on is."""


def test_only_what_comes_with_the_package_is_named() -> None:
    with pytest.raises(ConfigError, match='is "recurrent"'):
        shipped("nosuch")
    size = sum(file.stat().st_size for file in shipped().iterdir())
    assert size < 10 * 2**20


def test_it_is_refused_on_another_model() -> None:
    model = tiny_model("llama")
    with pytest.raises(CheckpointMismatch):
        load_pretrained(shipped(), model)
    assert not model._forward_pre_hooks


@pytest.mark.smollm2
def test_it_makes_text_of_its_kind_likelier() -> None:
    model, tokenizer = load_model("smollm2")
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        alone = float(model(ids, labels=ids).loss)
        handle = load_pretrained(shipped(), model)
        remembered = float(model(ids, labels=ids).loss)
        handle.detach()
        again = float(model(ids, labels=ids).loss)
    # on the held-out part of that text it gains more than half a nat per token: see the card
    assert remembered < alone - 0.2
    assert again == alone
