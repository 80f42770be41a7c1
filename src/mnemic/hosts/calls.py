"""What a host's modules are called with, and what they return."""

import inspect
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache

from ..errors import HostNotSupported, rule_got_do

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

RENAMED = "past_key_values"
"""What transformers called a cache before 5.24. Forwards that take `cache` accept it as a keyword for some versions more."""
CACHE_NAMES = ("cache", RENAMED)


class DecoderCall(NamedTuple):
    """The inputs of one forward of a decoder."""

    token_ids: Tensor | None
    """`[rows, width]`; None under `inputs_embeds`."""
    rows: int
    width: int
    attention_mask: object
    cache: Cache | None
    cache_name: str
    """The name under which the cache was passed; where it wasn't, the forward's own."""
    use_cache: bool | None
    device: torch.device


def cache_name(module: nn.Module) -> str | None:
    """Return the name under which the forward of a module takes its cache; None where it takes none."""
    names = inspect.signature(module.forward).parameters
    return next((name for name in CACHE_NAMES if name in names), None)


def returned_cache(output: object) -> Any:
    """Return the cache in what a model or a decoder returned; None where there is none.

    Its name there is that of the installed transformers, whatever the forward calls it.
    """
    return next((getattr(output, name) for name in CACHE_NAMES if hasattr(output, name)), None)


def read_decoder_call(names: tuple[str, ...], args: Args, kwargs: Kwargs, own_cache_name: str) -> DecoderCall:
    """Return the inputs of a decoder whose forward has parameters `names`, its cache under `own_cache_name`.

    Raises:
        HostNotSupported: without tokens and embeddings, or with something else than a `Cache`.
    """
    token_ids = argument(names, args, kwargs, "input_ids")
    source = token_ids if token_ids is not None else argument(names, args, kwargs, "inputs_embeds")
    if not isinstance(source, Tensor):
        raise HostNotSupported(rule_got_do("A forward is given input_ids or inputs_embeds.", "neither", "Pass one of them."))
    if token_ids is not None:
        # some decoders flatten leading dimensions; a view would be an added operation where there are none
        token_ids = source = token_ids if token_ids.ndim == 2 else token_ids.reshape(-1, token_ids.shape[-1])
    # a forward renames what it was passed under the older name only inside of the hooks; given both, it takes its own
    passed_as = RENAMED if RENAMED in kwargs and own_cache_name not in kwargs else own_cache_name
    cache = argument(names, args, kwargs, passed_as)
    if cache is not None and not isinstance(cache, Cache):
        raise HostNotSupported(rule_got_do(f"{passed_as} is a transformers Cache.", type(cache).__name__, "Pass a DynamicCache."))
    return DecoderCall(
        token_ids=token_ids,
        rows=source.shape[0],
        width=source.shape[1],
        attention_mask=argument(names, args, kwargs, "attention_mask"),
        cache=cache,
        cache_name=passed_as,
        use_cache=argument(names, args, kwargs, "use_cache"),
        device=source.device,
    )


def argument(names: tuple[str, ...], args: Args, kwargs: Kwargs, name: str) -> Any:
    """Return an argument of a forward, however it was passed; None where it wasn't."""
    if name in kwargs:
        return kwargs[name]
    place = names.index(name) if name in names else len(args)
    return args[place] if place < len(args) else None


def with_argument(names: tuple[str, ...], args: Args, kwargs: Kwargs, name: str, value: object) -> tuple[Args, Kwargs]:
    """Return the arguments with one of them set, in the way it was passed."""
    place = names.index(name) if name in names else len(args)
    if place < len(args):
        return (*args[:place], value, *args[place + 1 :]), kwargs
    return args, {**kwargs, name: value}


def under_dynamo() -> bool:
    """Whether torch.compile is running this forward.

    `torch.compiler.is_compiling` alone can't tell: dynamo meets the hooks, breaks its graph and goes on without tracing them, and
    there it says no. So the thread's frame evaluator is asked too, where torch has it.
    """
    if torch.compiler.is_compiling():
        return True
    return callable(getattr(torch._C._dynamo.eval_frame, "get_eval_frame_callback", lambda: None)())


def positions_of_view(whole: Tensor, part: Tensor) -> Tensor:
    """Return which positions (dimension 1) of `whole` `[B, T, D]` its slice `part` `[B, T', D]` holds.

    Raises:
        HostNotSupported: if `part` is no slice of `whole`.
    """
    shares = part.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr() and part.stride() == whole.stride()
    if not shares or part.shape[0] != whole.shape[0]:
        raise HostNotSupported(
            rule_got_do(
                "Where a head is called past the model's own hooks, it is given the decoder's output or a slice of it.",
                f"another tensor of shape {tuple(part.shape)}",
                "Call model(...) instead of model.forward(...), or pass logits_to_keep as a number.",
            )
        )
    start = (part.storage_offset() - whole.storage_offset()) // whole.stride(1)
    return torch.arange(start, start + part.shape[1], device=part.device)
