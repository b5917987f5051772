from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from condgen.conditioning.condition import Condition
from condgen.config import read, resolve
from condgen.errors import UserError
from condgen.tasks.gan_cls import example
from condgen.tasks.gan_cls.config import build_discriminator
from condgen.tasks.gan_cls.filtered import FilteredDiscriminator
from condgen.tasks.gan_cls.networks import Discriminator
from condgen.tasks.gan_cls.task import GanCls

CONFIGS = Path(__file__).parents[3] / "recipes" / "gan_cls" / "conf"


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def tiny() -> FilteredDiscriminator:
    torch.manual_seed(0)
    return FilteredDiscriminator(6, text_code=3, width=4, text_norm=False, filters=2)


def test_parameters():
    """Beside the published 4,032,321: 1x1 convolution, filter head, norm and last layer."""
    with torch.device("meta"):
        network = FilteredDiscriminator()
    head = 129 * 32 * 32 * 25
    assert parameters(network) == 4_032_321 + 129 * 32 + head + 64 + 16 * 32 == 7_339_425


def test_the_config_asks_for_it():
    plain, with_filters = (build_discriminator(example.config(text_filters=count)) for count in (0, 2))
    assert type(plain) is Discriminator
    assert with_filters.judge.bank.bank == (2, 2, 5, 5)
    with pytest.raises(UserError, match="text_filters must not be negative"):
        resolve({"task": "gan_cls"}, ["model.discriminator.text_filters=-1"])


def test_the_recipes_config():
    config = read(CONFIGS / "gan_cls_filters.yaml", ["data.manifest=m.jsonl"])
    with torch.device("meta"):
        assert parameters(build_discriminator(config.model)) == 988_065 + 65 * 16 + 65 * 16 * 16 * 25 + 32 + 16 * 16


def test_each_picture_is_judged_by_its_own_sentence():
    """Alone as in company, where nothing is normalised over the batch."""
    network, images, vectors = tiny().eval(), torch.randn(3, 3, 64, 64), torch.randn(3, 6)
    together = network(images, Condition(vector=vectors))
    assert together.shape == (3,)
    for number in range(3):
        alone = network(images[number : number + 1], Condition(vector=vectors[number : number + 1]))
        torch.testing.assert_close(alone[0], together[number])


def test_the_filters_alone_hear_the_sentence_and_teach_it():
    network, images = tiny(), torch.randn(2, 3, 64, 64)
    nn.init.zeros_(network.judge.layers[-1].weight)
    vector = torch.randn(2, 6, requires_grad=True)
    logits = network(images, Condition(vector=vector))
    assert not torch.allclose(logits, network(images, Condition(vector=-vector)))
    assert vector.grad is None
    logits.sum().backward()
    assert vector.grad.any(dim=1).all()
    assert network.judge.bank.linear.weight.grad.any()


def test_real_pictures_go_through_the_trunk_once_for_both_sentences():
    torch.manual_seed(0)
    config = example.config(text_filters=2)
    task, batch, pairs = GanCls(config), example.batch(config), []
    task.discriminator.judge.register_forward_hook(lambda _, arguments, __: pairs.append(arguments))
    task.discriminator_loss(batch)
    right, wrong, fake = pairs
    assert right[0] is wrong[0]
    assert right[0].middle.shape == (4, 8, 16, 16)
    assert right[0].last.shape == (4, 32, 4, 4)
    assert torch.equal(wrong[1].vector, batch.wrong_text)
    assert torch.equal(fake[1].vector, batch.text)
