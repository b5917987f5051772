"""Attribute vectors of hand-made sets, whose true directions are known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from condgen.latent.attributes import (
    attribute_vector,
    balanced_attribute_vectors,
    synthetic_attribute_vector,
)

SMILE, MALE = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])


def correlated():
    """Latents that are the sum of their attributes' directions; most who smile are not male."""
    counts = {(1, 0): 30, (0, 1): 17, (1, 1): 4, (0, 0): 7}
    attributes = torch.tensor([pair for pair, count in counts.items() for _ in range(count)]).bool()
    return attributes.float() @ torch.stack([SMILE, MALE]) + torch.tensor([0.0, 0.0, 5.0]), attributes


def test_the_mean_difference():
    latents = torch.tensor([[1.0, 0.0], [3.0, 2.0], [0.0, 0.0], [0.0, 4.0], [0.0, 2.0]])
    has = torch.tensor([True, True, False, False, False])
    torch.testing.assert_close(attribute_vector(latents, has), torch.tensor([2.0, -1.0]))


def test_correlation_tilts_the_plain_vector_and_not_the_balanced_one():
    latents, attributes = correlated()
    tilted = attribute_vector(latents, attributes[:, 0])
    torch.testing.assert_close(tilted, SMILE + MALE * (4 / 34 - 17 / 24))
    torch.testing.assert_close(balanced_attribute_vectors(latents, attributes), torch.stack([SMILE, MALE]))


def test_balance_is_what_replication_of_whole_samples_gives():
    generator = torch.Generator().manual_seed(0)
    sizes = {(False, False): 1, (True, False): 2, (False, True): 3, (True, True): 6}
    groups = {pair: torch.randn(size, 4, generator=generator) for pair, size in sizes.items()}
    replicated = {pair: group.repeat(6 // len(group), 1) for pair, group in groups.items()}
    attributes = torch.tensor([pair for pair, group in groups.items() for _ in group])
    vectors = balanced_attribute_vectors(torch.cat(list(groups.values())), attributes)
    for index in range(2):
        with_it = torch.cat([group for pair, group in replicated.items() if pair[index]])
        without = torch.cat([group for pair, group in replicated.items() if not pair[index]])
        torch.testing.assert_close(vectors[index], with_it.mean(0) - without.mean(0))


def test_three_attributes():
    attributes = torch.cartesian_prod(*[torch.tensor([False, True])] * 3)
    attributes = torch.cat([attributes, attributes[1:2].expand(50, -1)])
    directions = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(balanced_attribute_vectors(attributes.float() @ directions, attributes), directions)


def test_a_combination_without_samples_is_named():
    attributes = torch.tensor([[1, 0], [0, 1], [0, 0]]).bool()
    with pytest.raises(ValueError, match=r"combination \[1, 1\]"):
        balanced_attribute_vectors(torch.randn(3, 2), attributes)
    with pytest.raises(ValueError, match=r"combination \[0\]"):
        attribute_vector(torch.randn(3, 2), torch.ones(3).bool())


def test_a_synthetic_attribute_is_the_mean_shift_of_the_encodings():
    """A linear encoder: the mean of E(blur(x) - x), whatever the batches."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(7, 1, 6, 6, generator=generator) * 2 - 1
    weights = torch.randn(36, 4, generator=generator)
    blur = lambda batch: F.avg_pool2d(batch, 3, stride=1, padding=1)  # noqa: E731
    vector = synthetic_attribute_vector(pictures.split(3), blur, lambda batch: batch.flatten(1) @ weights)
    torch.testing.assert_close(vector, (blur(pictures) - pictures).flatten(1).mean(0) @ weights)
