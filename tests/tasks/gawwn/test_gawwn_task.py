"""The games' losses by hand, with players whose every answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from condgen.adversarial.objectives import ObjectiveName
from condgen.config import resolve
from condgen.errors import UserError
from condgen.tasks.gawwn import example
from condgen.tasks.gawwn.config import Config, Form
from condgen.tasks.gawwn.layers import DiscriminatorConfig, DiscriminatorNorm
from condgen.tasks.gawwn.task import Gawwn, discriminator_of, generator_of

REAL, FAKE, WRONG_TEXT, WRONG_PLACE = 0.75, 1.0, -0.25, 0.375  # logits of `Judge` on `batch`


class Artist(nn.Module):
    """Draws one shade."""

    def __init__(self):
        super().__init__()
        self.shade = nn.Parameter(torch.tensor(0.5))

    def forward(self, noise, condition):
        return self.shade * torch.ones(len(noise), 3, 32, 32)


class Judge(nn.Module):
    """The picture's mean, the sentence's first value and where the box, or the first keypoint, begins, together."""

    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, image, condition):
        return self.judge(self.trunk(image), condition)

    def trunk(self, image):
        return image.mean((1, 2, 3))

    def judge(self, features, condition):
        place = condition.box[:, 0] if self.form is Form.BOX else condition.keypoints[:, 0, 0]
        return features + condition.vector[:, 0] + place


class Remembering(nn.Module):
    """Completes nothing, and remembers what it was told."""

    def forward(self, noise, text, known):
        self.known = known
        return known


class PointsJudge(nn.Module):
    """The first keypoint's x and the sentence's first value."""

    def forward(self, keypoints, text):
        return keypoints[:, 0, 0] + text[:, 0]


def config(form: Form, norm=DiscriminatorNorm.BATCH, **options) -> Config:
    plain = example.configs()[str(form)]
    return replace(plain, discriminator=DiscriminatorConfig(width=4, text_code=4, norm=norm), **options)


def batch(model: Config, size: int = 2):
    made, first = example.batch(model, size), torch.zeros(size, model.text.width)
    first[:, 0] = -1
    points = made.keypoints.clone()
    points[:, 0] = torch.tensor([0.5, 0.5, 1.0])
    wrong_points = points.clone()
    wrong_points[:, 0, 0] = 0.125
    return replace(
        made,
        image=torch.full_like(made.image, 0.25),
        text=torch.zeros_like(first),
        wrong_text=first,
        box=torch.tensor([[0.5, 0.5, 0.25, 0.25]]).expand(size, 4),
        wrong_box=torch.tensor([[0.125, 0.5, 0.25, 0.25]]).expand(size, 4),
        keypoints=points,
        wrong_keypoints=wrong_points,
    )


def with_stubs(model: Config) -> Gawwn:
    torch.manual_seed(0)
    task = Gawwn(model)
    for form in model.forms:
        completes = form is Form.COMPLETION
        setattr(task, generator_of(form), Remembering() if completes else Artist())
        setattr(task, discriminator_of(form), PointsJudge() if completes else Judge(form))
    return task


def losses_of(task: Gawwn, one) -> list[dict[str, float]]:
    return [{name: value.item() for name, value in turn.loss(one).items()} for turn in task.turns()]


def accepted(logit):
    return math.log(1 + math.exp(-logit))


def rejected(logit):
    return math.log(1 + math.exp(logit))


@pytest.mark.parametrize("norm", list(DiscriminatorNorm))
@pytest.mark.parametrize("form", [Form.BOX, Form.KEYPOINTS])
def test_the_papers_losses(form, norm):
    """Half of what is to be rejected are fakes, half are real pictures with a wrong sentence."""
    model = config(form, norm, objective=ObjectiveName.NON_SATURATING, wrong_text_weight=0.5, wrong_place_weight=0.0)
    generator, discriminator = losses_of(with_stubs(model), batch(model))
    assert generator == pytest.approx({"adversarial": accepted(FAKE)})
    expected = {
        "adversarial": 0.5 * (accepted(REAL) + rejected(FAKE)),
        "wrong_text": 0.5 * (accepted(REAL) + rejected(WRONG_TEXT)),
    }
    assert discriminator == pytest.approx(expected)


@pytest.mark.parametrize("norm", list(DiscriminatorNorm))
@pytest.mark.parametrize("form", [Form.BOX, Form.KEYPOINTS])
def test_hinge_with_wrong_sentences_and_places(form, norm):
    model = config(form, norm, objective=ObjectiveName.HINGE, wrong_text_weight=0.3, wrong_place_weight=0.2)
    generator, discriminator = losses_of(with_stubs(model), batch(model))
    assert generator == pytest.approx({"adversarial": -FAKE})
    accept = 1 - REAL
    expected = {
        "adversarial": 0.5 * (accept + 1 + FAKE),
        "wrong_text": 0.3 * (accept + 1 + WRONG_TEXT),
        "wrong_place": 0.2 * (accept + 1 + WRONG_PLACE),
    }
    assert discriminator == pytest.approx(expected)


def test_without_weights_nothing_else_is_judged():
    model = config(Form.BOX, wrong_text_weight=0.0, wrong_place_weight=0.0)
    task = with_stubs(model)
    _, discriminator = losses_of(task, batch(model))
    assert discriminator == pytest.approx({"adversarial": accepted(REAL) + rejected(FAKE)})


@pytest.mark.parametrize("norm", list(DiscriminatorNorm))
def test_real_pictures_go_through_the_trunk_once(norm):
    """For all that they are told with: it knows no condition."""
    model = config(Form.BOX, norm, wrong_text_weight=0.3, wrong_place_weight=0.3)
    task, one, seen = Gawwn(model), example.batch(model), []
    task.box_discriminator.trunk.register_forward_hook(lambda _, arguments, __: seen.append(len(arguments[0])))
    losses = task.judge_loss(one, form=Form.BOX)
    assert losses.keys() == {"adversarial", "wrong_text", "wrong_place"}
    assert sum(seen) == 2 * len(one)


def test_relative_objectives_are_told_of_the_real_pictures():
    model = config(Form.BOX, objective=ObjectiveName.RELATIVISTIC_AVERAGE)
    generator, _ = losses_of(with_stubs(model), batch(model))
    assert generator["adversarial"] == pytest.approx(accepted(FAKE - REAL) + rejected(REAL - FAKE))


def test_completions_and_their_wrong_sentences():
    model = config(
        Form.COMPLETION,
        objective=ObjectiveName.NON_SATURATING,
        completion_wrong_text_weight=0.25,
        dropped_keypoints=1.0,
    )
    generator, discriminator = losses_of(with_stubs(model), batch(model))
    assert generator == pytest.approx({"adversarial": accepted(0)})  # all is dropped: the first x is 0
    expected = {
        "adversarial": 0.75 * (accepted(0.5) + rejected(0)),
        "wrong_text": 0.25 * (accepted(0.5) + rejected(-0.5)),
    }
    assert discriminator == pytest.approx(expected)


def test_so_many_keypoints_are_dropped_and_the_others_stay():
    model = config(Form.COMPLETION, dropped_keypoints=0.9)
    task, one = with_stubs(model), example.batch(model, 4000)
    task.complete_loss(one, form=Form.COMPLETION)
    known = task.completion_generator.known
    kept = known[..., 2] == 1
    assert kept.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(known[kept], one.keypoints[kept])
    assert not known[~kept].any()


def test_what_is_known_is_completed_as_it_is():
    model = config(Form.COMPLETION, dropped_keypoints=0.5)
    task, one, told = Gawwn(model), example.batch(model, 8), []
    task.completion_generator.register_forward_hook(lambda _, arguments, made: told.append((arguments[2], made)))
    task.complete_loss(one, form=Form.COMPLETION)
    ((known, made),) = told
    kept = known[..., 2] == 1
    assert kept.any()
    assert not kept.all()
    assert torch.equal(made[kept], one.keypoints[kept])
    assert (made[~kept] != one.keypoints[~kept]).all(1).all()


def test_each_generator_runs_once_an_iteration():
    model = example.configs()["all"]
    task, one, runs = Gawwn(model), example.batch(model), []
    for form in model.forms:
        getattr(task, generator_of(form)).register_forward_hook(lambda *_, form=form: runs.append(form))
    for turn in task.turns():
        turn.loss(one)
    assert runs == list(model.forms)
    assert task.observations.keys() == {"lead", "diversity"}
    task.finish_iteration()
    task.judge_loss(one, form=Form.BOX)
    assert runs[-1] == Form.BOX  # fakes of the iteration before are not judged


def test_a_waiting_generators_fakes_are_drawn_without_gradients():
    model = config(Form.BOX)
    task, drawn = with_stubs(model), []
    task.box_generator.register_forward_hook(lambda _, __, made: drawn.append(made))
    task.judge_loss(batch(model), form=Form.BOX)
    assert [made.requires_grad for made in drawn] == [False]


def test_the_penalty_is_of_real_pictures_as_they_are_told():
    """R1 of a judge that takes the mean of n values: each has the slope 1 / n, so weight / 2 / n."""
    model = config(Form.BOX, DiscriminatorNorm.NONE, r1_weight=0.5)
    task, one = with_stubs(model), batch(model)
    _, discriminator = task.turns()
    assert discriminator.penalty_every == 8
    assert discriminator.penalty(one)["r1"].item() == pytest.approx(0.5 / 2 / (3 * 32 * 32))
    assert all(turn.penalty is None for turn in with_stubs(config(Form.BOX)).turns())


@pytest.mark.parametrize("form", [Form.BOX, Form.KEYPOINTS])
def test_the_penalty_has_gradients_of_its_own(form):
    """It differentiates twice, through crops, pastes and gates."""
    model = config(form, DiscriminatorNorm.NONE, r1_weight=0.5)
    task, one = Gawwn(model), example.batch(model)
    task.penalty(one, form=form)["r1"].backward()
    moved = {name for name, one in task._judge(form).named_parameters() if one.grad is not None and one.grad.any()}
    assert {"trunk.0.0.weight", "match.0.weight", "local.0.0.weight", "global_image.0.0.weight"} <= moved


def test_players_follow_the_forms():
    assert Gawwn.players(example.configs()["box"]) == ("box_generator", "box_discriminator")
    model = example.configs()["all"]
    task = Gawwn(model)
    names = [turn.player for turn in task.turns()]
    assert names == [f"{form}_{part}" for form in Form for part in ("generator", "discriminator")]
    assert task.players(model) == tuple(names)
    assert task.inference == ("box_generator", "keypoints_generator", "completion_generator", "text_encoder")
    assert [turn.loss.__name__ for turn in task.turns()[2:]] == [
        "draw_loss", "judge_loss", "complete_loss", "judge_completion_loss",
    ]  # fmt: skip


def test_the_encoder_is_frozen_and_takes_the_words_over():
    model = example.configs()["box"]
    task, encoder = Gawwn(model).train(), Gawwn(model).text_encoder
    assert not task.text_encoder.training
    assert not any(parameter.requires_grad for parameter in task.text_encoder.parameters())
    encoder.learn_vocabulary(["a red bird"])
    task.prepare(SimpleNamespace(text=SimpleNamespace(encoder=encoder)))
    assert task.text_encoder.unknown_words("a blue bird") == ["blue"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forms": []}, "forms must name one or more"),
        ({"forms": [Form.BOX, Form.BOX]}, "each once"),
        ({"forms": [Form.COMPLETION]}, "need model.keypoints"),
        ({"keypoints": ["tail", "tail"]}, "must occur once"),
        ({"size": 100}, "size must be one of 32, 64, 128"),
        ({"objective": ObjectiveName.ENERGY_BASED}, "judges energies"),
        ({"wrong_text_weight": 1.0}, r"wrong_text_weight must lie in \[0, 1\)"),
        ({"wrong_text_weight": 0.5, "wrong_place_weight": 0.5}, "leave no weight for fakes"),
        ({"r1_weight": 1.0}, "0 with discriminator.norm=batch"),
        ({"dropped_keypoints": 1.5}, "dropped_keypoints must lie in"),
    ],
)
def test_values_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(Config(), **change)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.forms=[box]"],
        ["model.forms=[box]", "model.completion.norm=spectral"],
        ["model.forms=[completion]", "model.keypoints=[tail]", "model.discriminator.norm=spectral"],
    ],
)
def test_every_discriminator_that_plays_must_be_bounded_for_wasserstein(overrides):
    with pytest.raises(UserError, match="needs a discriminator of bounded slope"):
        resolve({"task": "gawwn"}, ["model.objective=wasserstein", *overrides])


def test_bounded_discriminators_may_play_wasserstein():
    wasserstein = "model.objective=wasserstein"
    resolve({"task": "gawwn"}, [wasserstein, "model.discriminator.norm=spectral"])
    resolve({"task": "gawwn"}, [wasserstein, "optimizers.box_discriminator.weight_clip=0.01"])
    resolve({"task": "gawwn"}, [wasserstein, "model.discriminator.norm=none", "model.r1_weight=1"])
    completion = ["model.forms=[completion]", "model.keypoints=[tail]", "model.completion.norm=spectral"]
    resolve({"task": "gawwn"}, [wasserstein, *completion])


def test_a_picture_alone_has_no_batch_norm():
    with pytest.raises(UserError, match="two pictures or more at once"):
        resolve({"task": "gawwn"}, ["trainer.batch_size=8", "trainer.micro_batches=8"])
