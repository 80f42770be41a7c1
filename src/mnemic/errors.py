"""Every error Mnemic raises on purpose.

    MnemicError
    |- ConfigError          an argument or a setting breaks a rule
    |- InputError           a text or a file of the user can't be used
    |- ShapeError           a tensor has the wrong shape
    |- HostNotSupported     the model, or this use of it, isn't supported
    |- CheckpointMismatch   saved state belongs to another model or version
    |- StoreError           the store can't do what was asked
       |- NotFound          no such item or scope
       |- SchemaTooNew      written by a newer Mnemic
       |- EncoderMismatch   written with another encoder
       |- Corrupt           not a store, or a damaged one

A message says the rule, what was got and what to do; `rule_got_do` builds it.
"""


class MnemicError(Exception):
    """Base of every error that Mnemic raises on purpose."""


class ConfigError(MnemicError):
    """An argument or a setting breaks a rule."""


class InputError(MnemicError):
    """A text or a file of the user can't be used."""


class ShapeError(MnemicError):
    """A tensor has the wrong shape."""


class HostNotSupported(MnemicError):
    """The model, or this use of it, isn't supported."""


class CheckpointMismatch(MnemicError):
    """Saved state belongs to another model or version."""


class StoreError(MnemicError):
    """The store can't do what was asked."""


class NotFound(StoreError):
    """No such item or scope."""


class SchemaTooNew(StoreError):
    """The store was written by a newer Mnemic."""


class EncoderMismatch(StoreError):
    """The store was written with another encoder."""


class Corrupt(StoreError):
    """Not a store, or a damaged one."""


def rule_got_do(rule: str, got: object, do: str) -> str:
    """Return the three-part message every error carries: the rule, what was got, what to do."""
    return f"{rule} Got: {got}. {do}"
