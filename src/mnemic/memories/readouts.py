"""Whether a memory's readouts are still zero: an untrained memory is absent."""

from collections.abc import Iterable

from torch import Tensor


class Readouts:
    """Remembers whether any of some weights isn't zero, and looks again only when one was written to.

    Asking so costs no tensor operation, which is what "absent" means (contract 1).
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: tuple[tuple[int, ...], bool] = ((), False)

    def speak(self, weights: Iterable[Tensor]) -> bool:
        """Return whether any value isn't zero."""
        weights = tuple(weights)
        versions = tuple(weight._version for weight in weights)
        if versions != self._known[0]:
            self._known = versions, any(bool(weight.detach().any()) for weight in weights)
        return self._known[1]
