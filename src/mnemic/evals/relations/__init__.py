"""The relations that the generator of fictional facts knows, each with disjoint wordings for dev and test.

`dev_wordings.json` holds further wordings of every relation for dev alone, written without sight of those for test: what a gate
learns from is the variety of wordings, not the number of facts.
"""

import json
from dataclasses import replace
from pathlib import Path

from .everyday import EVERYDAY
from .mine import MINE
from .model import Relation, Split, Templates
from .people import PEOPLE, SELF
from .places import PLACES
from .things import THINGS
from .work import WORK

_MORE: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("dev_wordings.json").read_text(encoding="utf-8"))


def _with_more(relation: Relation) -> Relation:
    more = {field: (*getattr(relation.dev, field), *texts) for field, texts in _MORE[relation.name].items()}
    return replace(relation, dev=Templates(**more))


RELATIONS: tuple[Relation, ...] = tuple(map(_with_more, (*PEOPLE, *SELF, *MINE, *PLACES, *THINGS, *WORK)))

__all__ = ["EVERYDAY", "RELATIONS", "Relation", "Split", "Templates"]
