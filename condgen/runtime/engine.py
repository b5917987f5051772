"""Processes, devices and precision, on Lightning Fabric: one CPU or GPU, or many under `torchrun`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from condgen.config import Precision
from condgen.errors import UserError
from condgen.runtime.device import choose_device, choose_precision


class Engine:
    """Where a run computes. Under `torchrun` (any number of machines) it joins the process group by itself.

    Modules are not wrapped in `DistributedDataParallel`: gradients are averaged once at the end of a turn. So a
    discriminator may be called several times, through any method and under a second derivative, and the gradients of
    N ranks still equal those of one process on the joined batch.
    """

    def __init__(self, device: str = "auto", precision: Precision = Precision.AUTO):
        from lightning_fabric import Fabric, seed_everything

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells each start that it uses bf16
        chosen = choose_device(device)
        self.precision = choose_precision(precision, chosen)
        world, local = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        if world > 1 and chosen.type == "cuda" and local > torch.cuda.device_count():
            raise UserError(f"{local} processes share {torch.cuda.device_count()} GPUs; start one process a GPU")
        self.fabric = Fabric(
            accelerator=chosen.type,
            devices=[chosen.index] if world == 1 and chosen.index is not None else local,
            num_nodes=max(1, world // local),
            strategy="ddp" if world > 1 else "auto",
            precision="bf16-mixed" if self.precision.dtype is torch.bfloat16 else "32-true",
        )
        self.fabric.launch()
        self._seed_everything = seed_everything

    @property
    def device(self) -> torch.device:
        return self.fabric.device

    @property
    def rank(self) -> int:
        return self.fabric.global_rank

    @property
    def world_size(self) -> int:
        return self.fabric.world_size

    @property
    def is_main(self) -> bool:
        return self.fabric.is_global_zero

    def seed(self, seed: int) -> None:
        """Seed all generators; each rank draws noise of its own, and weights too, until `copy_from_main`."""
        self._seed_everything(seed + self.rank, verbose=False)

    def autocast(self) -> AbstractContextManager:
        return self.fabric.autocast()

    @property
    def local_world_size(self) -> int:
        """Processes on this machine."""
        return int(os.environ.get("LOCAL_WORLD_SIZE", 1))

    def barrier(self) -> None:
        self.fabric.barrier()

    def on_main(self, action: Callable[[], None]) -> None:
        """Let the main process act while the others wait; a UserError there is raised in all, so that none hangs."""
        problem = ""
        if self.is_main:
            try:
                action()
            except UserError as error:
                problem = str(error)
        if problem := self.gather(problem)[0]:
            raise UserError(problem)

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Mean over ranks, in one flat all-reduce."""
        if self.world_size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.world_size
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    @torch.no_grad()
    def copy_from_main(self, module: nn.Module) -> None:
        """Give every rank the main process's weights and buffers."""
        if self.world_size == 1:
            return
        for tensor in [*module.parameters(), *module.buffers()]:
            contiguous = tensor.data.contiguous()
            torch.distributed.broadcast(contiguous, src=0)
            tensor.data.copy_(contiguous)

    def gather(self, value: Any) -> list[Any]:
        """`value` of every rank, in rank order, on every rank."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        torch.distributed.all_gather_object(values, value)
        return values

    def random_state(self) -> dict[str, Tensor]:
        """This rank's random number generators, as plain tensors."""
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def restore_random_state(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)
