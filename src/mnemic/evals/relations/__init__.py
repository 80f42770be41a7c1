"""The relations that the generator of fictional facts knows, each with disjoint wordings for dev and test."""

from .mine import MINE
from .model import Relation, Split, Templates
from .people import PEOPLE, SELF
from .places import PLACES
from .things import THINGS
from .work import WORK

RELATIONS: tuple[Relation, ...] = (*PEOPLE, *SELF, *MINE, *PLACES, *THINGS, *WORK)

__all__ = ["RELATIONS", "Relation", "Split", "Templates"]
