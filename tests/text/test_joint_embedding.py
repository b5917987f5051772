from __future__ import annotations

import pytest
import torch

from condgen.text.joint_embedding import (
    average_precision_at,
    class_means,
    joint_embedding_loss,
    precision_at,
    zero_shot_accuracy,
)

IMAGES = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
SENTENCES = torch.tensor([[1.0, 0.5], [0.25, 1.0]])
# scores: [[1, 0.25], [1, 2]]


def test_the_loss_by_hand():
    by_pictures = (max(0, 1 + 0.25 - 1) + max(0, 1 + 1 - 2)) / 4
    by_sentences = (max(0, 1 + 1 - 1) + max(0, 1 + 0.25 - 2)) / 4
    assert joint_embedding_loss(IMAGES, SENTENCES, symmetric=False).item() == pytest.approx(by_pictures)
    assert joint_embedding_loss(IMAGES, SENTENCES).item() == pytest.approx(by_pictures + by_sentences)
    wider = (2 + 0.25 - 1 + 2 + 1 - 2) / 4 + (2 + 1 - 1 + 2 + 0.25 - 2) / 4
    assert joint_embedding_loss(IMAGES, SENTENCES, margin=2).item() == pytest.approx(wider)


def test_the_loss_is_zero_when_all_agree_and_its_gradient_pulls_there():
    far = 10 * torch.eye(3)
    assert joint_embedding_loss(far, far) == 0
    sentences = SENTENCES.clone().requires_grad_()
    joint_embedding_loss(IMAGES, sentences).backward()
    # violators: picture 0 with sentence 1 (0.25), sentence 0 with picture 1 (1)
    expected = torch.stack([(IMAGES[1] - 2 * IMAGES[0]) / 4, IMAGES[0] / 4])
    torch.testing.assert_close(sentences.grad, expected)


def test_the_loss_is_fp32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = joint_embedding_loss(IMAGES.bfloat16(), SENTENCES.bfloat16())
    assert loss.dtype == torch.float32


def test_the_loss_refuses_what_does_not_pair():
    with pytest.raises(ValueError, match=r"\(B, D\)"):
        joint_embedding_loss(IMAGES, SENTENCES[:1])


def test_class_means():
    vectors, classes = torch.tensor([[1.0, 2.0], [5.0, 0.0], [3.0, 4.0]]), torch.tensor([0, 1, 0])
    assert class_means(vectors, classes).tolist() == [[2.0, 3.0], [5.0, 0.0]]
    with pytest.raises(ValueError, match="class 1 has no caption"):
        class_means(vectors, torch.tensor([0, 2, 0]))


def test_zero_shot_accuracy_is_over_pictures():
    pictures = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, 3.0], [0.0, 1.0]])
    classes = torch.tensor([0, 0, 0, 1])
    assert zero_shot_accuracy(pictures, classes, torch.eye(2)) == 0.75
    with pytest.raises(ValueError, match="0 pictures"):
        zero_shot_accuracy(pictures[:0], classes[:0], torch.eye(2))


def test_average_precision_is_over_classes():
    scores = [[5.0, 0.0], [4.0, 9.0], [3.0, 8.0], [2.0, 1.0]]  # of four pictures with two classes
    pictures, classes = torch.tensor(scores), torch.tensor([0, 1, 1, 0])
    # class 0 ranks 0 1 2 3: own 1 of 1, 1 of 2, 2 of 4; class 1 ranks 1 2 3 0: own 1 of 1, 2 of 2, 2 of 4
    assert average_precision_at(pictures, classes, torch.eye(2), k=1) == 1.0
    assert average_precision_at(pictures, classes, torch.eye(2), k=2) == 0.75
    assert precision_at(pictures, classes, torch.eye(2), k=2).tolist() == [0.5, 1.0]
    assert average_precision_at(pictures, classes, torch.eye(2)) == 0.5  # all four
