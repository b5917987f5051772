"""Deep structured joint embedding of pictures and sentences (Reed, Akata, Lee, Schiele, CVPR 2016).

Trained by the loss, a sentence's vector has its largest inner product with pictures of its own class. The two measures
are the published protocol: classes that were not trained on, each one's vector the mean over its captions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def joint_embedding_loss(
    image_vectors: Tensor, sentence_vectors: Tensor, *, margin: float = 1.0, symmetric: bool = True
) -> Tensor:
    """The structured hinge over a batch of B different classes (eq. 6; 7 and 8 for its two terms): a scalar.

    The mean over all B^2 pairs of max(0, margin + s(i, j) - s(i, i)), j != i, with s the inner product of picture i
    and sentence j: pictures choose sentences. Symmetric (DS-SJE) adds the same with sentences choosing pictures.

    Args:
        image_vectors: (B, D), row i of class i.
        sentence_vectors: (B, D), row i of class i.
        symmetric: False is DA-SJE, the first term alone.

    Raises:
        ValueError: the two are not (B, D) of the same size.
    """
    if image_vectors.ndim != 2 or image_vectors.shape != sentence_vectors.shape:
        shapes = f"{tuple(image_vectors.shape)} and {tuple(sentence_vectors.shape)}"
        raise ValueError(f"pictures and sentences must both be (B, D), got {shapes}")
    with torch.autocast(image_vectors.device.type, enabled=False):
        scores = image_vectors.float() @ sentence_vectors.float().T
    own, pairs = scores.diagonal(), scores.numel()
    others = 1 - torch.eye(len(scores), device=scores.device)
    loss = ((margin + scores - own[:, None]).relu() * others).sum() / pairs
    if symmetric:
        loss = loss + ((margin + scores - own).relu() * others).sum() / pairs
    return loss


def class_means(sentence_vectors: Tensor, classes: Tensor) -> Tensor:
    """The mean vector of each class's captions.

    Args:
        sentence_vectors: (N, D).
        classes: (N,) whole numbers from 0 on; each class up to the largest has a caption.

    Returns:
        (classes, D).

    Raises:
        ValueError: a class has no caption.
    """
    counts = torch.bincount(classes)
    if not counts.all():
        raise ValueError(f"class {int((counts == 0).nonzero()[0])} has no caption")
    sums = sentence_vectors.new_zeros(len(counts), sentence_vectors.shape[1]).index_add(0, classes, sentence_vectors)
    return sums / counts[:, None]


def zero_shot_accuracy(image_vectors: Tensor, image_classes: Tensor, class_vectors: Tensor) -> float:
    """Share of pictures, 0..1, whose own class has the largest inner product of all; over pictures, not classes.

    Args:
        image_vectors: (N, D).
        image_classes: (N,) whole numbers, rows of `class_vectors`.
        class_vectors: (C, D).

    Raises:
        ValueError: there are no pictures.
    """
    _require_pictures(image_vectors, image_classes)
    return (image_vectors @ class_vectors.T).argmax(1).eq(image_classes).float().mean().item()


def precision_at(image_vectors: Tensor, image_classes: Tensor, class_vectors: Tensor, k: int = 50) -> Tensor:
    """Share of a class's own pictures, 0..1, among the k that fit its vector best: (C,).

    A class with fewer than k pictures cannot reach 1; with fewer than k pictures in all, all of them are looked at.
    The arguments are those of `zero_shot_accuracy`.

    Raises:
        ValueError: there are no pictures.
    """
    _require_pictures(image_vectors, image_classes)
    best = (class_vectors @ image_vectors.T).topk(min(k, len(image_vectors)), dim=1).indices
    own = torch.arange(len(class_vectors), device=image_classes.device)
    return image_classes[best].eq(own[:, None]).float().mean(1)


def average_precision_at(image_vectors: Tensor, image_classes: Tensor, class_vectors: Tensor, k: int = 50) -> float:
    """AP@k, 0..1: `precision_at`, averaged over the classes.

    Raises:
        ValueError: there are no pictures.
    """
    return precision_at(image_vectors, image_classes, class_vectors, k).mean().item()


def _require_pictures(image_vectors: Tensor, image_classes: Tensor) -> None:
    if not len(image_vectors) or len(image_vectors) != len(image_classes):
        raise ValueError(f"there are {len(image_vectors)} pictures and {len(image_classes)} classes of pictures")
