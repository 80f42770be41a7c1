"""What Mnemic does, in two minutes: teach, end the process, start another one, ask.

    python examples/demo.py

Exits with 1 if anything it shows isn't as it should be.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.panel import Panel
from rich.progress import track
from rich.table import Table
from rich.text import Text

import mnemic

STORE = Path(__file__).resolve().parent.parent / ".demo"
WIDTH = 130
console = Console(highlight=False, width=None if Console().is_terminal else WIDTH)


class Fact(NamedTuple):
    """A text to teach, and how it is asked for."""

    text: str
    category: str
    answer: str
    same: str
    """Asks in the words of the text."""
    other: str
    """Asks in other words."""


KNOWN = (
    Fact(
        "Paris is the capital city of France.",
        "geography",
        "Paris",
        "What is the capital of France?",
        "Which city is the seat of the French government?",
    ),
    Fact(
        "Python is a programming language used for AI.",
        "programming",
        "Python",
        "Which programming language is used for AI?",
        "In what language do people write AI software?",
    ),
    Fact(
        "The Earth orbits around the Sun.",
        "astronomy",
        "Sun",
        "What does the Earth orbit around?",
        "Around which star do we travel?",
    ),
    Fact(
        "Water freezes at 0 degrees Celsius.",
        "physics",
        "0",
        "At how many degrees Celsius does water freeze?",
        "At what temperature does water turn into ice?",
    ),
    Fact(
        "Shakespeare wrote Romeo and Juliet.",
        "literature",
        "Shakespeare",
        "Who wrote Romeo and Juliet?",
        "Who is the author of Romeo and Juliet?",
    ),
    Fact(
        "Einstein developed the theory of relativity.",
        "science",
        "relativity",
        "What did Einstein develop?",
        "What is Einstein famous for?",
    ),
)

PRIVATE = (
    Fact("My dog is called Biscuit.", "family", "Biscuit", "What is my dog called?", "What is the name of my dog?"),
    Fact(
        "My sister Ines lives in Bergen.",
        "family",
        "Bergen",
        "Where does my sister Ines live?",
        "In which town is my sister Ines at home?",
    ),
    Fact(
        "Marta is allergic to hazelnuts.",
        "family",
        "hazelnuts",
        "What is Marta allergic to?",
        "Which food gives Marta an allergic reaction?",
    ),
    Fact(
        "The spare key is under the blue flowerpot.",
        "home",
        "blue flowerpot",
        "Where is the spare key?",
        "Where can I find the spare key?",
    ),
    Fact(
        "The Wi-Fi password of the cabin is heron-42.",
        "home",
        "heron-42",
        "What is the Wi-Fi password of the cabin?",
        "Which password do I need for the Wi-Fi in the cabin?",
    ),
    Fact(
        "The captain of the ferry Night Heron is Odalys Brandt.",
        "ships",
        "Odalys Brandt",
        "Who is the captain of the ferry Night Heron?",
        "Who commands the ferry Night Heron?",
    ),
    Fact(
        "Project Lantern is due on 14 March.",
        "work",
        "14 March",
        "When is Project Lantern due?",
        "What is the deadline of Project Lantern?",
    ),
    Fact(
        "Our weekly team meeting is on Tuesday.",
        "work",
        "Tuesday",
        "When is our weekly team meeting?",
        "On which day does our team meet?",
    ),
    Fact(
        "The office of Dr. Vellum is in room 512.",
        "work",
        "512",
        "Where is the office of Dr. Vellum?",
        "In which room does Dr. Vellum work?",
    ),
    Fact(
        "The museum of Aldersey opens at 10:30.",
        "places",
        "10:30",
        "When does the museum of Aldersey open?",
        "From what time can I visit the museum of Aldersey?",
    ),
    Fact(
        "The Korvath engine runs on ammonia.",
        "machines",
        "ammonia",
        "What does the Korvath engine run on?",
        "Which fuel does the Korvath engine use?",
    ),
    Fact(
        "The novel The Salt Orchard was written by Ilse Tamber.",
        "literature",
        "Ilse Tamber",
        "Who was the novel The Salt Orchard written by?",
        "Who is the author of The Salt Orchard?",
    ),
)

UNRELATED = (
    "What is my cat called?",
    "What is the capital of Italy?",
    "Who wrote The Old Man and the Sea?",
    "How many legs does a spider have?",
    "What does my brother do for a living?",
    "Name three colours of the rainbow.",
)

LENGTH = 16
"""Tokens of each answer."""

KNOWN_AT_LEAST = 5
"""Of the six facts that everybody knows, in either wording."""
IN_SAME_WORDS_AT_LEAST = 12
IN_OTHER_WORDS_AT_LEAST = 10
"""Of the twelve private facts; the bench's tables say what to expect over thousands."""


@dataclass
class Checks:
    """What has to be true, and what wasn't."""

    failed: list[str] = field(default_factory=list)

    def expect(self, holds: bool, claim: str) -> None:
        """Print the claim with its outcome."""
        console.print(Text.assemble(("  ✔ ", "green") if holds else ("  ✘ ", "bold red"), claim))
        if not holds:
            self.failed.append(claim)


def teach(lm: mnemic.MemoryLM) -> Checks:
    """Teach every fact, one call each as a user would."""
    checks = Checks()
    table = Table("fact", "category", "what happened", "ms", title="Teaching", title_justify="left")
    for fact in track((*KNOWN, *PRIVATE), description="Teaching", console=console, transient=True):
        # the first six are widely known: they are stored whatever the model can say by itself
        learned = lm.learn(fact.text, category=fact.category, source="demo", force=fact in KNOWN)
        table.add_row(fact.text, fact.category, learned.action, f"{learned.ms:.0f}")
    console.print(table)
    again = lm.learn(PRIVATE[0].text, category=PRIVATE[0].category)
    console.print(Text(f'"{PRIVATE[0].text}" once more: {again.action} ({again.reason})\n', style="dim"))
    checks.expect(len(lm.items()) == len(KNOWN) + len(PRIVATE), f"{len(KNOWN) + len(PRIVATE)} facts are in the store, each once")
    return checks


def ask(lm: mnemic.MemoryLM) -> Checks:
    """Ask for every fact in the same and in other words, and for things that were never taught."""
    checks = Checks()
    count = len(KNOWN) + len(PRIVATE)
    checks.expect(len(lm.items()) == count, f"the new process finds all {count} facts")
    hits = lm.recall(KNOWN[0].same)
    checks.expect(bool(hits) and hits[0].item.text == KNOWN[0].text, f'"{KNOWN[0].same}": Paris ranks first')
    show_recall(hits)

    for wording, asked in (("same", [(f.same, f) for f in KNOWN]), ("other", [(f.other, f) for f in KNOWN])):
        right = compare(lm, f"What everybody knows, {wording} words", asked)
        checks.expect(right >= KNOWN_AT_LEAST, f"{wording} words: {right} of {len(KNOWN)} right (at least {KNOWN_AT_LEAST})")
    right = compare(lm, "What no model can know, same words", [(fact.same, fact) for fact in PRIVATE])
    checks.expect(
        right >= IN_SAME_WORDS_AT_LEAST, f"same words: {right} of {len(PRIVATE)} right (at least {IN_SAME_WORDS_AT_LEAST})"
    )
    right = compare(lm, "What no model can know, other words", [(fact.other, fact) for fact in PRIVATE])
    checks.expect(
        right >= IN_OTHER_WORDS_AT_LEAST, f"other words: {right} of {len(PRIVATE)} right (at least {IN_OTHER_WORDS_AT_LEAST})"
    )
    same = compare(lm, "Never taught: the model stays itself", [(question, None) for question in UNRELATED])
    checks.expect(same == len(UNRELATED), f"never taught: {same} of {len(UNRELATED)} answered exactly as without memory")
    return checks


def show_recall(hits: list[mnemic.Hit]) -> None:
    """Print what was found, best first."""
    table = Table("score", "speaks", "memory", title="lm.recall(...)", title_justify="left")
    for hit in hits:
        table.add_row(f"{hit.score:.3f}", "yes" if hit.accepted else "no", Text(hit.item.text))
    console.print(table)


def compare(lm: mnemic.MemoryLM, title: str, questions: list[tuple[str, Fact | None]]) -> int:
    """Print a table of answers without and with memory; return how many are as they should be.

    With a fact, that means that its answer is in the reply and, where the fact is a private one, that the right memory spoke;
    without one, that the reply is the base model's.
    """
    table = Table("question", "base model", "with memory", "memory that spoke", "score", "ms", title=title, title_justify="left")
    right = 0
    for question, fact in track(questions, description=title, console=console, transient=True):
        base = lm.ask(question, memory=False, max_new_tokens=LENGTH)
        started = perf_counter()
        reply = lm.ask(question, max_new_tokens=LENGTH)
        ms = (perf_counter() - started) * 1000
        if fact is None:
            good = reply.token_ids == base.token_ids and not reply.memories
        else:
            good = fact.answer in reply.text and (fact in KNOWN or [s.item.text for s in reply.memories[:1]] == [fact.text])
        right += good
        table.add_row(
            question,
            Text(" ".join(base.text.split()), style="dim"),
            Text(" ".join(reply.text.split()), style="green" if good else "red"),
            Text("\n".join(spoke.item.text for spoke in reply.memories) or "-"),
            "\n".join(f"{spoke.score:.2f}" for spoke in reply.memories),
            f"{ms:.0f}",
        )
    console.print(table)
    return right


STAGES = {"teach": teach, "ask": ask}


def run_stage(stage: str, model: str) -> int:
    """Run one stage in this process; return its exit code."""
    with console.status(f"Loading {model} ..."):
        lm = mnemic.load(model, store=str(STORE), notify=console.print)
    with lm:
        checks = STAGES[stage](lm)
    return 1 if checks.failed else 0


def main() -> int:
    """Run both stages, each in a process of its own."""
    parser = argparse.ArgumentParser(description="Teach a small model facts, restart, and ask.")
    parser.add_argument("--model", default="smollm2", help="any model that mnemic.load takes")
    parser.add_argument("--stage", choices=list(STAGES), help="run one stage in this process, on the store that is there")
    arguments = parser.parse_args()
    if arguments.stage:
        return run_stage(arguments.stage, arguments.model)

    shutil.rmtree(STORE, ignore_errors=True)
    # transformers' own bars would tear the tables
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    codes = []
    for stage, title in (("teach", "A first process learns, and ends"), ("ask", "A second process remembers")):
        console.print(Panel(title, style="bold"))
        child = subprocess.Popen([sys.executable, __file__, "--stage", stage, "--model", arguments.model], env=quiet)
        codes.append(child.wait())
        console.print(Text(f"process {child.pid} has ended\n", style="dim"))
    if any(codes):
        console.print("[bold red]The demo failed:[/] a line above is marked ✘, or a process stopped early.")
        return 1
    console.print("[bold green]Everything held.[/] Now teach it yourself:")
    console.print('  .venv/bin/mnemic learn "My bike is chained to the red fence."\n  .venv/bin/mnemic ask "Where is my bike?"')
    return 0


if __name__ == "__main__":
    sys.exit(main())
