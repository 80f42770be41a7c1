"""Several processes that train one memory, as `accelerate launch` or `torchrun` start them."""

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from ..errors import ConfigError, rule_got_do


class Together:
    """One of `size` processes; alone where nothing else was started. Every method is called by all of them at the same place."""

    def __init__(self) -> None:
        """Join the others, found by the environment variables that launchers set.

        Raises:
            ConfigError: if they can't be joined.
        """
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self._joined = self.size > 1 and not dist.is_initialized()
        if self._joined:
            try:
                # a memory is small and lives on the CPU; one process reads the text while the others wait, however long that is
                dist.init_process_group("gloo", timeout=timedelta(days=7))
            except (RuntimeError, ValueError) as error:
                raise ConfigError(
                    rule_got_do("Processes of one training find each other.", str(error), "Start them with accelerate launch.")
                ) from error

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def any(self, mine: bool) -> bool:
        """Return whether it is so in any process."""
        if self.size == 1:
            return mine
        flag = torch.tensor(int(mine))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def of_first(self, mine: float) -> float:
        """Return the first process's number."""
        if self.size == 1:
            return mine
        number = torch.tensor(mine, dtype=torch.float64)
        dist.broadcast(number, src=0)
        return float(number)

    def share_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all processes; none counts as zero."""
        for parameter in parameters:
            if self.size > 1:
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                dist.all_reduce(gradient)
                parameter.grad = gradient / self.size

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part from the others, if this object joined them."""
        if self._joined:
            dist.destroy_process_group()
            self._joined = False
