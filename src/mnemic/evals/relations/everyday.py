"""Relations of everyday talk, with dev wordings alone: what gates are fitted on beside what benches ask.

Most are the speaker's own ("I train on Tuesdays"), where fact and question often share no word but "I".
"""

import json
from pathlib import Path
from typing import Any

from .. import words as w
from .model import Relation, Templates

_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("everyday.json").read_text(encoding="utf-8"))

SUBJECTS: dict[str, w.Maker] = {kind: w.pick(*names) for kind, names in _DATA["subjects"].items()}
"""Kind of subject -> its maker; the speaker has none."""

COUNTERPARTS: dict[str, str] = _DATA["counterparts"]
"""Relations of the speaker -> relations of others that ask for the same sort of thing: what must not be mixed up."""


def _relation(name: str, data: dict[str, Any]) -> Relation:
    dev = Templates(tuple(data["statements"]), tuple(data["completions"]), tuple(data["questions"]))
    return Relation(name, data["kind"], w.pick(*data["objects"]), dev, Templates((), (), ()))


EVERYDAY: tuple[Relation, ...] = tuple(_relation(name, data) for name, data in _DATA["relations"].items())
