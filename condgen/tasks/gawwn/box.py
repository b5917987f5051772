"""GAWWN's networks for a sentence and a box (Reed et al., 2016, arXiv 1610.02454, section 4.1 and its code)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_grid, concat_replicated, over_space
from condgen.conditioning.location import box_mask, crop, paste
from condgen.networks.blocks import initialise
from condgen.tasks.gawwn.layers import (
    GRID,
    Bottleneck,
    DiscriminatorConfig,
    GeneratorConfig,
    Head,
    convolved,
    doubled,
    doublings,
    finish,
    global_image,
    global_vector,
    judged,
    local_vector,
    norms,
    opened,
    picture,
    text_code,
    trunk,
)


class BoxGenerator(nn.Module):
    """A global path that knows where the text is to be, and a local one whose features are pasted into the box.

    Args:
        config: `local_residual` is of the keypoint model.
        text_width: of the sentence's vector.
        size: of the pictures, 32, 64 or 128.

    Raises:
        ValueError: there is no network for this size, or the config asks for what the model does not have.
    """

    def __init__(self, config: GeneratorConfig, text_width: int, size: int):
        super().__init__()
        if config.local_residual:
            raise ValueError("local_residual is of the keypoint model; the box model's local path always has blocks")
        width, form = config.width, config.upsampling
        self.place_maps = config.place_maps
        self.text = nn.Linear(text_width, 4 * width)
        self.local_noise = nn.Linear(config.noise, 4 * width)
        self.global_noise = nn.Linear(config.noise, 4 * width)
        halvings = [convolved(4 * width, 4 * width, 4, 2) for _ in range(2)]
        self.text_map = nn.Sequential(*halvings, convolved(4 * width, 4 * width, 4, padding=0))
        self.global_path = nn.Sequential(
            opened(8 * width, 8 * width),
            doubled(form, 8 * width, 4 * width),
            doubled(form, 4 * width, 2 * width),
        )
        self.local_path = nn.Sequential(
            opened(8 * width, 8 * width, activation=False),
            Bottleneck(8 * width, 2 * width),
            doubled(form, 8 * width, 4 * width, activation=False),
            Bottleneck(4 * width, width),
            doubled(form, 4 * width, 2 * width, activation=False),
        )
        channels = [width, width // 4][: doublings(size) - 1]
        self.merge = nn.Sequential(
            convolved(4 * width + config.place_maps, 2 * width), picture(form, 2 * width, channels, width)
        )
        initialise(self)

    def forward(self, noise: Tensor, condition: Condition) -> Tensor:
        """Noise (B, config.noise), condition.vector (B, text_width), condition.box (B, 4) -> (B, 3, S, S), fp32."""
        text = self.text(condition.vector)
        text_map = self.text_map(_where(text, condition.box, paste))
        whole = torch.cat([torch.relu(over_space(self.global_noise(noise), text_map)), text_map], dim=1)
        local = torch.relu(torch.cat([self.local_noise(noise), text], dim=1))
        pasted = torch.relu(paste(self.local_path(local[:, :, None, None]), condition.box))
        merged = torch.cat([self.global_path(whole), pasted], dim=1)
        if self.place_maps:
            merged = concat_grid(merged, box_mask(condition.box, GRID))
        return torch.tanh(self.merge(merged).float())


class BoxDiscriminator(nn.Module):
    """Does a picture fit its text: a local branch looks into the box, a global one at the picture and the text's place.

    Args:
        config: of all layers.
        text_width, size: as of the generator.

    Raises:
        ValueError: there is no network for this size.
    """

    def __init__(self, config: DiscriminatorConfig, text_width: int, size: int):
        super().__init__()
        width, code = config.width, config.text_code
        self.place_maps = config.place_maps
        self.place_text = paste if config.global_text_by_paste else crop
        features = 2 * width + config.place_maps
        self.trunk = trunk(config, size)
        self.text = text_code(config, text_width)
        self.match = judged(config, features + code, 2 * width, 3, 1)
        self.local = local_vector(config, 2 * width)
        self.global_image = global_image(config, features)
        self.global_text = nn.Sequential()
        for before, after in ((code, 4 * width), (4 * width, width)):  # ReLU here is the authors'
            layer = nn.Conv2d(before, after, 4, 2, 1)
            self.global_text.extend([layer, *norms(config, nn.BatchNorm2d(after)), nn.ReLU()])
        self.whole = global_vector(config, width)
        self.head = Head(config)
        finish(self, config)

    def forward(self, image: Tensor, condition: Condition) -> Tensor:
        """Image (B, 3, S, S), condition.vector (B, text_width), condition.box (B, 4) -> logits (B,), fp32."""
        return self.judge(self.trunk(image), condition)

    def judge(self, features: Tensor, condition: Condition) -> Tensor:
        """As `forward`, of pictures that have been through the trunk: (B, 2 width, GRID, GRID)."""
        box, text = condition.box, self.text(condition.vector)
        if self.place_maps:
            features = concat_grid(features, box_mask(box, GRID))
        local = self.local(crop(self.match(concat_replicated(features, text)), box))
        global_text = self.global_text(_where(text, box, self.place_text))
        whole = self.whole(torch.cat([self.global_image(features), global_text], dim=1))
        return self.head(local, whole)


def _where(text: Tensor, box: Tensor, place: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A text (B, C) at every position, cropped or pasted: (B, C, GRID, GRID). One map is enough, as all are alike."""
    inside = place(text.new_ones(len(text), 1, GRID, GRID), box)
    return over_space(text, inside) * inside
