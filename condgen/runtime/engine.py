"""Processes, devices and precision, on Lightning Fabric: one CPU or GPU, or many under `torchrun`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager

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
        """Seed all generators; each rank draws its own noise, the weights must be built before."""
        self._seed_everything(seed + self.rank, verbose=False)

    def autocast(self) -> AbstractContextManager:
        return self.fabric.autocast()

    def barrier(self) -> None:
        self.fabric.barrier()

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

    def random_states(self) -> list[dict[str, Tensor]]:
        """The random number generators of all ranks, in rank order, as plain tensors."""
        mine = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            mine["cuda"] = torch.cuda.get_rng_state(self.device)
        if self.world_size == 1:
            return [mine]
        states: list = [None] * self.world_size
        torch.distributed.all_gather_object(states, mine)
        return states

    def restore_random_state(self, states: list[dict[str, Tensor]]) -> None:
        """Take up this rank's state.

        Raises:
            UserError: the states come from another number of processes.
        """
        if len(states) != self.world_size:
            raise UserError(
                f"this run was made by {len(states)} processes and is resumed by {self.world_size}; "
                "use the same number, or start a new run with start_from=RUN/model"
            )
        torch.set_rng_state(states[self.rank]["cpu"])
        if self.device.type == "cuda" and "cuda" in states[self.rank]:
            torch.cuda.set_rng_state(states[self.rank]["cuda"], self.device)
