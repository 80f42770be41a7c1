"""The contracts of a single memory on a host, as functions that raise `AssertionError`.

`CHECKS` maps their names to them; each takes a `ContractCase` and a `ContractHost`. Numbers are those of the contracts in the
documentation.
"""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import load_pretrained
from ..hosts import attach
from ..hosts.calls import returned_cache
from ..hosts.families import locate
from .cases import ContractCase
from .lab import ContractHost, Lab, OperationLog, filler_of, lab, pad, positions
from .trace import TraceMemory

Check = Callable[[ContractCase, ContractHost], None]
CHECKS: dict[str, Check] = {}


def _check(function: Check) -> Check:
    CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def _demand(truth: bool, what: str) -> None:
    if not truth:
        raise AssertionError(what)


def _anatomy(model: nn.Module) -> tuple[object, ...]:
    """Return what attaching must leave as it was, hooks included."""
    hooks = [
        (len(module._forward_hooks), len(module._forward_pre_hooks), "forward" in vars(module), type(module))
        for module in model.modules()
    ]
    return [name for name, _ in model.named_modules()], list(model.state_dict()), hooks


@_check
def check_no_op(case: ContractCase, host: ContractHost) -> None:
    """Contract 1: as made, and disabled: no added tensor operation, equal logits; detached: the model as before."""
    model = host.load(torch.float32)
    prompts = host.tokens([7, 7], seed=1)
    tokens = torch.tensor(prompts)
    name = locate(model).model_cache_name

    def run() -> tuple[list[str], Tensor]:
        with torch.no_grad(), OperationLog() as log:
            out = model(tokens)
            logits = torch.cat([out.logits, model(tokens[:, :1], **{name: returned_cache(out)}).logits], 1)
        return log.names, logits

    before = _anatomy(model)
    operations, base = run()
    memory = case.build()
    handle = attach(model, memory)
    try:
        attached = run()
        case.arm(memory, prompts)
        with handle.disabled(), handle.disabled():
            disabled = run()
        case.arm(memory, prompts)
        armed = run()
    finally:
        handle.detach()
    for name, (names, logits) in {"as made": attached, "disabled": disabled, "detached": run()}.items():
        _demand(torch.equal(logits, base), f"{name}: logits differ from the base model's")
        _demand(names == operations, f"{name}: {len(names) - len(operations)} tensor operations more than the base model")
    _demand(not torch.equal(armed[1], base), "armed: the memory changes nothing, so the other contracts would say nothing")
    _demand(_anatomy(model) == before, "detached: modules, hooks or state-dict keys differ from before")


@_check
def check_cached_is_uncached(case: ContractCase, host: ContractHost) -> None:
    """Contract 3: in one pass, in chunks of several sizes and step by step: the same logits."""
    (sequence,) = host.tokens([13], seed=2)
    prompt = sequence[:8]
    with lab(case, host) as here:
        for chunks in ([13], [8, 5], [1] * 13, [3, 1, 6, 2, 1]):
            here.arm([prompt])
            cache, pieces, start = here.cache(), [], 0
            for size in chunks:
                pieces.append(here.forward([sequence[start : start + size]], cache)[0])
                start += size
            here.reference([sequence], [prompt]).compare(0, torch.cat(pieces), f"chunks of {chunks}")


@_check
def check_rows(case: ContractCase, host: ContractHost) -> None:
    """Contract 2: after reorder, select and repeat of the cache's rows each row goes on as its own sequence."""
    prompts = host.tokens([6, 6, 6], seed=3)
    (tail,) = host.tokens([3], seed=4)
    with lab(case, host) as here:
        reference = here.reference([prompt + tail for prompt in prompts], prompts)
        changes: tuple[tuple[str, Callable[[Any], object], list[int]], ...] = (
            ("reorder", lambda cache: cache.reorder_cache(torch.tensor([2, 0, 0])), [2, 0, 0]),
            ("select", lambda cache: cache.batch_select_indices(torch.tensor([1, 2])), [1, 2]),
            ("select by mask", lambda cache: cache.batch_select_indices(torch.tensor([True, False, True])), [0, 2]),
            ("repeat", lambda cache: cache.batch_repeat_interleave(2), [0, 0, 1, 1, 2, 2]),
        )
        for name, change, rows in changes:
            here.arm(prompts)
            cache = here.cache()
            here.forward(prompts, cache)
            change(cache)
            logits = here.forward([tail] * len(rows), cache)
            for index, row in enumerate(rows):
                reference.compare(row, logits[index], name, start=6)


@_check
def check_crop(case: ContractCase, host: ContractHost) -> None:
    """Contract 2: a cropped cache goes on as if the tokens had never been there; across forwards, and across reorders."""
    prompts = host.tokens([6, 6, 6], seed=5)
    draft, other = host.tokens([5, 4], seed=6)
    with lab(case, host) as here:
        for kept in range(6):
            reference = here.reference([prompt + draft[:kept] + other for prompt in prompts], prompts)
            for name, pieces in {"one forward": [draft], "steps": [[t] for t in draft], "two": [draft[:2], draft[2:]]}.items():
                here.arm(prompts)
                cache = here.cache()
                # as assisted decoding does; without it a sliding window can't be cropped once it is full
                cache.activate_past_recording()
                here.forward(prompts, cache)
                for piece in pieces[:-1]:
                    here.forward([piece] * 3, cache)
                cache.reorder_cache(torch.tensor([1, 2, 0]))
                here.forward([pieces[-1]] * 3, cache)
                # these two don't commute with each other, nor with the first
                cache.reorder_cache(torch.tensor([0, 2, 1]))
                cache.reorder_cache(torch.tensor([2, 1, 0]))
                cache.crop(-(len(draft) - kept))
                logits = here.forward([other] * 3, cache)
                for index, row in enumerate((2, 0, 1)):
                    reference.compare(row, logits[index], f"crop to {kept} of {name}", start=6 + kept)


@_check
def check_conversations(case: ContractCase, host: ContractHost) -> None:
    """Contract 2: conversations take turns on one model, a copied cache parts from its original, a reset one begins anew."""
    prompts = host.tokens([5, 7], seed=7)
    tails = host.tokens([4, 4], seed=8)
    with lab(case, host) as here:
        reference = here.reference([prompt + tail for prompt, tail in zip(prompts, tails, strict=True)], prompts)
        caches = [here.cache(), here.cache()]
        for prompt, cache in zip(prompts, caches, strict=True):
            here.arm([prompt])
            here.forward([prompt], cache)
        copies = copy.deepcopy(caches)
        for step in range(4):
            for row in (0, 1):
                logits = here.forward([[tails[row][step]]], caches[row])
                reference.compare(row, logits[0], "taking turns", start=len(prompts[row]) + step)
        reference.compare(1, here.forward([tails[1]], copies[1])[0], "a copied cache", start=7)
        caches[0].reset()
        here.arm([prompts[1]])
        reference.compare(1, here.forward([prompts[1] + tails[1]], caches[0])[0], "a reset cache")


@_check
def check_padding(case: ContractCase, host: ContractHost) -> None:
    """Contract 4: in a batch of mixed lengths, padded on the left or on the right, each row is as it is alone."""
    sequences = host.tokens([11, 4, 8], seed=9)
    prompts = [sequence[:-2] for sequence in sequences]
    with lab(case, host) as here:
        reference = here.reference(sequences, prompts)
        for side in ("left", "right"):
            tokens, mask = pad(sequences, side=side, token=filler_of(here.model))
            here.arm(prompts)
            logits = here.forward(tokens, attention_mask=mask, position_ids=positions(mask))
            for row in range(3):
                reference.compare(row, logits[row][mask[row].bool()], f"{side} padding")
        # cached, in two pieces, the second of which is real in every row
        tokens, mask = pad(sequences, side="left", token=filler_of(here.model))
        here.arm(prompts)
        cache, places = here.cache(), positions(mask)
        here.forward(tokens[:, :9], cache, attention_mask=mask[:, :9], position_ids=places[:, :9])
        logits = here.forward(tokens[:, 9:], cache, attention_mask=mask, position_ids=places[:, 9:])
        for row in range(3):
            reference.compare(row, logits[row], "left padding with a cache", start=len(sequences[row]) - 2)


@_check
def check_finished_rows(case: ContractCase, host: ContractHost) -> None:
    """Contract 4: what `generate` feeds to rows that have ended doesn't reach their state."""
    prompts = host.tokens([6, 6], seed=10)
    with lab(case, host) as here:

        def sample(end: int | None) -> Any:
            here.model.generation_config.eos_token_id = end
            here.arm(prompts)
            torch.manual_seed(0)
            tokens = torch.tensor(prompts)
            options = {"max_new_tokens": 9, "do_sample": True, "return_dict_in_generate": True}
            return here.model.generate(tokens, attention_mask=torch.ones_like(tokens), **options)

        end, row = _word_of_one_row(sample(None).sequences[:, 6:])
        out = sample(end)
        cache = returned_cache(out)
        length = cache.get_seq_length()
        said = out.sequences[row, :length].tolist()
        said = said[: said.index(end, 6) + 1]
        _demand(len(said) < length, "the row didn't end early: the check is empty")
        here.compare_states(row, cache, said, prompts[row], "a finished row")


@_check
def check_generate(case: ContractCase, host: ContractHost) -> None:
    """Contracts 2 to 4 inside `generate`: the same tokens with and without cache, alone and batched, assisted or not."""
    prompts = host.tokens([9, 5], seed=12)
    with lab(case, host) as here:

        def same(name: str, left: Tensor, right: Tensor) -> None:
            _demand(torch.equal(left, right), f"{name}: {left.tolist()} is not {right.tolist()}")

        ways: dict[str, dict[str, Any]] = {
            "greedy": {},
            "beams": {"num_beams": 3, "num_return_sequences": 2},
            "no-repeat, repetition penalty": {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3},
            "beam sampling": {"num_beams": 2, "do_sample": True, "top_k": 7, "top_p": 0.9, "temperature": 0.8},
            "several samples": {"num_return_sequences": 3, "do_sample": True},
        }
        for name, options in ways.items():
            results = []
            for use_cache in (True, False):
                torch.manual_seed(0)
                results.append(here.generate(prompts, max_new_tokens=7, **{"do_sample": False, **options}, use_cache=use_cache))
            same(f"{name}, cached and uncached", *results)
        greedy = [here.generate([prompt], max_new_tokens=7, do_sample=False) for prompt in prompts]
        batch = here.generate(prompts, max_new_tokens=7, do_sample=False)
        for row, prompt in enumerate(prompts):
            said = greedy[row][0, len(prompt) :]
            same("batched and alone", batch[row, 9 : 9 + len(said)], said)
        lookup = here.generate(prompts[:1], max_new_tokens=7, do_sample=False, prompt_lookup_num_tokens=3)
        same("prompt lookup", lookup, greedy[0])
        chunked = here.generate(prompts[:1], max_new_tokens=7, do_sample=False, prefill_chunk_size=4)
        same("chunked prefill", chunked, greedy[0])


@_check
def check_assisted(case: ContractCase, host: ContractHost) -> None:
    """Contract 2: an assistant whose drafts are sometimes right changes no token. The assistant is the base model itself."""
    prompts = host.tokens([9], seed=13)
    with lab(case, host) as here:
        here.handle.detach()
        assistant = copy.deepcopy(here.model)
        here.handle = attach(here.model, here.memory)
        greedy = here.generate(prompts, max_new_tokens=12, do_sample=False)
        assisted = here.generate(prompts, max_new_tokens=12, do_sample=False, assistant_model=assistant)
        _demand(torch.equal(greedy, assisted), f"assisted {assisted.tolist()} is not {greedy.tolist()}")


@_check
def check_dtypes(case: ContractCase, host: ContractHost) -> None:
    """Contract 3 in bfloat16 and float16: logits keep the host's type, and steps agree with one pass."""
    (sequence,) = host.tokens([9], seed=14)
    prompt = sequence[:5]
    for dtype in (torch.bfloat16, torch.float16):
        with lab(case, host, dtype) as here:
            here.arm([prompt])
            cache = here.cache()
            pieces = [here.forward([prompt], cache)[0], *(here.forward([[token]], cache)[0] for token in sequence[5:])]
            logits = torch.cat(pieces)
            _demand(logits.dtype == dtype, f"logits are {logits.dtype} on a {dtype} host")
            here.reference([sequence], [prompt]).compare(0, logits, f"steps in {dtype}")


@_check
def check_round_trip(case: ContractCase, host: ContractHost) -> None:
    """Contract 5: saved, loaded and saved again: the same bytes, and the same logits."""
    (prompt,) = host.tokens([6], seed=15)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        with lab(case, host) as here:
            expected = here.alone(prompt, prompt)
            here.handle.save_pretrained(first)
        model = host.load(torch.float32)
        handle = load_pretrained(first, model)
        try:
            case.arm(handle.memories[0], [prompt])
            with torch.no_grad():
                logits = model(torch.tensor([prompt]), use_cache=False).logits[0]
            handle.save_pretrained(second)
        finally:
            handle.detach()
        _demand(torch.equal(logits, expected), "a loaded memory gives other logits")
        names = sorted(path.name for path in first.iterdir())
        _demand(names == sorted(path.name for path in second.iterdir()), "the second save has other files")
        for name in names:
            _demand((first / name).read_bytes() == (second / name).read_bytes(), f"{name} differs after a round trip")


@_check
def check_composition(case: ContractCase, host: ContractHost) -> None:
    """Contract 8: two memories at once: a silent one changes nothing, two that speak keep contract 3."""
    (sequence,) = host.tokens([10], seed=16)
    prompt = sequence[:6]
    model = host.load(torch.float32)
    trace, memory = TraceMemory(), case.build()
    handle = attach(model, trace)
    trace.arm()
    with torch.no_grad():
        alone = model(torch.tensor([sequence]), use_cache=False).logits
    handle.detach()
    handle = attach(model, [trace, memory])
    here = Lab(case, model, handle, memory)
    try:
        _demand(torch.equal(here.forward([sequence]), alone), "a silent second memory changes the first one's logits")
        here.arm([prompt])
        cache = here.cache()
        pieces = [here.forward([prompt], cache)[0], *(here.forward([[token]], cache)[0] for token in sequence[6:])]
        here.reference([sequence], [prompt]).compare(0, torch.cat(pieces), "two memories, step by step")
    finally:
        handle.detach()


def _word_of_one_row(generated: Tensor) -> tuple[int, int]:
    """Return a token that one row says at least three steps before the other one does, and that row."""
    rows = generated.tolist()
    for step in range(len(rows[0]) - 4):
        for row, other in ((0, 1), (1, 0)):
            token = rows[row][step]
            if token not in rows[other][: step + 4]:
                return token, row
    raise AssertionError("both rows say the same: choose other prompts")
