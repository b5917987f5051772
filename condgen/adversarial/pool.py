"""A history of fakes: the discriminator also judges what the generator made some iterations ago."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SamplePool(nn.Module):
    """Shrivastava et al., 2017, arXiv 1612.07828, section 2.3, in CycleGAN's form (Zhu et al., 2017, section 4).

    Until it is full, each sample is stored and returned. Then, with probability 1/2, a random stored sample is
    returned and the new one takes its place; else the new one is returned. Samples and count are buffers, so
    checkpointed; chance comes from torch's global CPU generator.

    Args:
        size: 50 in the papers; 0 returns every batch as it came.
        sample_shape: shape of one sample, without the batch.
    """

    samples: Tensor
    count: Tensor

    def __init__(self, size: int, sample_shape: Sequence[int]):
        super().__init__()
        self.size = size
        self._filled = 0  # `count` on the host: asking the buffer would stall a GPU each step
        self.register_buffer("samples", torch.zeros(size, *sample_shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_post_hook(_recount)

    @torch.no_grad()
    def exchange(self, fakes: Tensor) -> Tensor:
        """Fakes (B, *sample_shape) in, as many new or old ones out, detached."""
        if self.size == 0:
            return fakes.detach()
        chances, slots = torch.rand(len(fakes)).tolist(), torch.randint(self.size, (len(fakes),)).tolist()
        out = fakes.detach().clone()
        for fake, returned, chance, slot in zip(fakes, out, chances, slots, strict=True):
            if self._filled < self.size:
                _store(self.samples[self._filled], fake)
                self._filled += 1
            elif chance < 0.5:
                returned.copy_(self.samples[slot])
                _store(self.samples[slot], fake)
        self.count.fill_(self._filled)
        return out


def _store(slot: Tensor, fake: Tensor) -> None:
    """A fake that is not finite belongs to a step that is skipped; it must not come back later."""
    slot.copy_(torch.where(fake.isfinite().all(), fake, slot))


def _recount(pool: SamplePool, _keys: object) -> None:
    pool._filled = int(pool.count)
