"""GAWWN's networks for a sentence and keypoints (Reed et al., 2016, arXiv 1610.02454, section 4.2 and its code)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_grid, concat_replicated, over_space
from condgen.conditioning.location import gate, heat_maps
from condgen.networks.blocks import initialise
from condgen.tasks.gawwn.layers import (
    GRID,
    Bottleneck,
    DiscriminatorConfig,
    DiscriminatorNorm,
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
    opened,
    picture,
    spread_maps,
    text_code,
    trunk,
)


class KeypointGenerator(nn.Module):
    """A global path from a code of all keypoints, and a local one whose features are where a keypoint is.

    Args:
        config: of all layers.
        text_width: of the sentence's vector.
        keypoints: K, how many a picture can have.
        size: of the pictures, 32, 64 or 128.

    Raises:
        ValueError: there is no network for this size.
    """

    def __init__(self, config: GeneratorConfig, text_width: int, keypoints: int, size: int):
        super().__init__()
        width, form = config.width, config.upsampling
        self.place_maps = config.place_maps
        self.noise = nn.Linear(config.noise, 4 * width)
        self.text = nn.Linear(text_width, 4 * width)
        self.code = nn.Sequential(
            convolved(keypoints, width, 4, 2),
            convolved(width, 2 * width, 4, 2),
            convolved(2 * width, 4 * width, 4, 1, 0),
        )
        self.global_in = _dense(8 * width, 4 * width)
        self.global_path = nn.Sequential(
            opened(8 * width, 4 * width), doubled(form, 4 * width, 2 * width), doubled(form, 2 * width, width)
        )
        if config.local_residual:
            self.local_in = nn.Linear(8 * width, 4 * width)
            self.local = nn.Sequential(convolved(4 * width, 4 * width, activation=False), Bottleneck(4 * width, width))
        else:
            self.local_in = _dense(8 * width, 4 * width)
            self.local = convolved(4 * width, 4 * width)
        maps = keypoints * (1 + config.place_maps)
        channels = [2 * width, width][: doublings(size) - 1]
        self.merge = nn.Sequential(
            convolved(5 * width + maps, 4 * width),
            convolved(4 * width, 4 * width, activation=False),
            Bottleneck(4 * width, width),
            picture(form, 4 * width, channels, width),
        )
        initialise(self)

    def forward(self, noise: Tensor, condition: Condition) -> Tensor:
        """Noise (B, config.noise), condition.vector (B, text_width), condition.keypoints (B, K, 3) -> (B, 3, S, S).

        Returns:
            Pictures in [-1, 1], fp32.
        """
        maps = heat_maps(condition.keypoints, GRID)
        both = torch.relu(torch.cat([self.noise(noise), self.text(condition.vector)], dim=1))
        code = self.code(maps)
        whole = self.global_path(torch.cat([over_space(self.global_in(both), code), code], dim=1))
        local = self.local_in(both)
        local = self.local(over_space(local, maps) * gate(maps).to(local.dtype))
        if self.place_maps:
            maps = torch.cat([maps, spread_maps(condition.keypoints, GRID).to(maps.dtype)], dim=1)
        return torch.tanh(self.merge(concat_grid(torch.cat([whole, local], dim=1), maps)).float())


class KeypointDiscriminator(nn.Module):
    """Does a picture fit its text: a local branch looks where keypoints are, a global one at the picture.

    Args:
        config: `global_text_by_paste` is of the box model.
        text_width, keypoints, size: as of the generator.

    Raises:
        ValueError: there is no network for this size.
    """

    def __init__(self, config: DiscriminatorConfig, text_width: int, keypoints: int, size: int):
        super().__init__()
        width, code = config.width, config.text_code
        self.place_maps = config.place_maps
        self.weighs_cells = config.norm is not DiscriminatorNorm.BATCH
        features = 2 * width + keypoints * config.place_maps
        self.trunk = trunk(config, size)
        self.text = text_code(config, text_width)
        self.match = judged(config, features + code, 2 * width, 3, 1)
        self.local = local_vector(config, 2 * width + keypoints)
        self.global_image = global_image(config, features)
        self.whole = global_vector(config, code)
        self.head = Head(config)
        finish(self, config)

    def forward(self, image: Tensor, condition: Condition) -> Tensor:
        """Image (B, 3, S, S), condition.vector (B, text_width), condition.keypoints (B, K, 3) -> logits (B,), fp32."""
        return self.judge(self.trunk(image), condition)

    def judge(self, features: Tensor, condition: Condition) -> Tensor:
        """As `forward`, of pictures that have been through the trunk: (B, 2 width, GRID, GRID)."""
        maps, text = heat_maps(condition.keypoints, GRID), self.text(condition.vector)
        if self.place_maps:
            features = concat_grid(features, spread_maps(condition.keypoints, GRID))
        matched = self.match(concat_replicated(features, text))
        opening = gate(maps)
        if self.weighs_cells:  # else the mean over space, of few open cells, is next to nothing for bounded weights
            opening = opening / opening.mean((2, 3), keepdim=True).clamp(min=1 / GRID**2)
        local = self.local(concat_grid(matched * opening.to(matched.dtype), maps))
        whole = self.whole(concat_replicated(self.global_image(features), text))
        return self.head(local, whole)


def _dense(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
