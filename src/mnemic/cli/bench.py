"""`mnemic bench`: the measured face of the same calls. Nothing of it is imported before it is asked for."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import output
from .exits import FAILED
from .fields import command_from
from .lazy import lazy

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result here; `-` is standard output.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]
SAVING = (
    inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Json),
    inspect.Parameter("markdown", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Markdown),
)


def _benches() -> typer.Typer:
    from ..evals import (
        bulk,
        capacity,
        edits,
        gatefit,
        indexing,
        influence,
        keyed,
        pairs,
        pruning,
        quality,
        recurrent,
        report,
        resonance,
        speed,
        storage,
        streams,
        talk,
        windows,
    )
    from ..evals.talk import admission

    app = typer.Typer()
    measures: list[tuple[str, type, Callable[..., Any], str]] = [
        ("edits", edits.EditsConfig, edits.run, "Teach facts, then ask in the same and other words, and what must not change."),
        (
            "capacity",
            capacity.CapacityConfig,
            capacity.run,
            "Teach more and more facts and ask the same after each step: does a fuller memory answer as well?",
        ),
        ("pairs", pairs.PairsConfig, pairs.run, "Teach two facts about each subject: every question has to get its own answer."),
        ("chat", talk.ChatConfig, talk.run, "Tell personal facts among small talk, restart, and ask for them."),
        ("quality", quality.QualityConfig, quality.run, "Compare the text after a memory has spoken with the base model's."),
        ("speed", speed.SpeedConfig, speed.run, "Time generation with and without memory, learning and retrieval."),
        (
            "recurrent",
            recurrent.RecurrentBenchConfig,
            recurrent.run,
            "A fading state over a long text: norms, half-lives, speed.",
        ),
        (
            "windows",
            windows.WindowsConfig,
            windows.run,
            "Train recurrent memories and measure text that the model can't see across.",
        ),
        ("keys", keyed.KeysConfig, keyed.run, "Key-value pairs told in one segment and asked for several segments later."),
        (
            "influence",
            influence.InfluenceConfig,
            influence.run,
            "How long the state of a first turn shows in what is said later, for several decays.",
        ),
        (
            "resonance",
            resonance.ResonanceConfig,
            resonance.run,
            "Train resonance gates and measure text of their kind, other text, typos and token noise.",
        ),
        ("store", storage.StoreConfig, storage.run, "Kill writers, let many write at once, erase and search every file."),
        (
            "prune",
            pruning.PruneConfig,
            pruning.run,
            "Forget half of a simulated year's items: how much of what is asked later is left?",
        ),
        ("bulk", bulk.BulkConfig, bulk.run, "Learn files without the host: texts per second, and memory by size."),
        ("index", indexing.IndexConfig, indexing.run, "Search a store of a million items, and route questions among many facts."),
        ("streams", streams.StreamsConfig, streams.run, "Clusters, scope and forgetting on streams of sentences, by resonance."),
    ]
    for name, config, run, text in measures:
        app.command(name, help=text)(command_from(config, _measured(run), *SAVING))
    app.command("report", help="Write the tables of result files between the markers of documents.")(
        command_from(report.ReportConfig, _report)
    )
    app.command("generate")(generate)
    app.command("gate", help="Fit the gate that decides which memory may speak, on edits and generated facts, and write it.")(
        command_from(gatefit.GateConfig, _gate)
    )
    app.command("admission", help="Fit what decides which statements of a conversation are remembered, and write it.")(
        command_from(admission.AdmissionConfig, _admission)
    )
    return app


def _measured(run: Callable[..., Any]) -> Callable[..., None]:
    """Return what a bench's command does: run, save, show."""

    def body(config: Any, json: Path | None, markdown: bool) -> None:
        from ..evals import results, tables

        summary = run(config, progress=output.err.is_terminal)
        data = results.to_json(summary)
        if str(json) == "-":
            output.emit_json(data)
            return
        if json is not None:
            results.write_json(json, summary)
        if markdown or not output.out.is_terminal:
            sys.stdout.write("\n".join(table.markdown() for table in tables.tables_of(data)))
            return
        for table in tables.tables_of(data):
            output.out.print(table.rich(), soft_wrap=False)

    return body


def _report(config: Any) -> None:
    from ..evals import report

    summary = report.run(config)
    for name in summary.missing:
        output.note(f"no result for {name}")
    for document in summary.changed:
        output.say(f"{'not current' if config.check else 'written'}: {document}")
    if config.check and summary.changed:
        raise typer.Exit(FAILED)


def _gate(config: Any) -> None:
    from ..evals import gatefit

    summary = gatefit.run(config, progress=output.err.is_terminal)
    report = summary.report
    output.say(
        f"{summary.out}: of relations it had not seen, it accepts {report.same:.1%} of what must be found,"
        f" {report.other:.1%} of other relations and {report.absent:.2%} of everything else."
    )


def _admission(config: Any) -> None:
    from ..evals.talk import admission

    summary = admission.run(config)
    fitted = summary.fitted
    output.say(
        f"{summary.out}: rules exclude {summary.ruled_out:.1%} of the small talk; of what they leave, {fitted.keep} statements to"
        f" keep and {fitted.drop} others, the judge keeps {fitted.kept:.1%} and {fitted.junk:.1%} out of fold."
    )


def generate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file to write, for `mnemic bench edits --data`.")],
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="How many facts.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same facts.")] = 0,
    split: Annotated[Literal["dev", "test"], typer.Option(metavar="dev|test", help="Whose wordings to use.")] = "test",
    probes: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many probes of each sort per fact.")] = 2,
) -> None:
    """Write invented facts with paraphrases, questions and probes that must not change, for the bench or for calibration."""
    from ..evals import generator, records

    made = generator.generate(n, seed, split, probes=probes)
    records.write_records(file, made)
    output.say(f"{len(made)} facts written to {file}")


bench = lazy(_benches, "Measure: answers, speed and text quality, beside the usual baselines.")
