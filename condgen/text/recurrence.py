"""The recurrent cells of the character and word encoders (Reed et al., CVPR 2016 and ICML 2016).

Both differ from torch's own: the first step has no recurrent bias, and the gates are applied the other way round.
Neither can be had from `torch.nn.RNN` or `torch.nn.GRU`, whatever the weights.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn


class Recurrence(StrEnum):
    RELU = "relu"  # CVPR 2016, and the flowers of ICML 2016
    GRU = "gru"  # the birds and COCO of ICML 2016


class ReluRecurrence(nn.Module):
    """h_1 = ReLU(W x_1 + b), h_t = ReLU(W x_t + b + U h_{t-1} + c); (B, L, inputs) -> states (B, L, hidden).

    The original cuts off below 1e-6 instead of 0.
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.input, self.recurrent = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)

    def forward(self, steps: Tensor) -> Tensor:
        entering = self.input(steps).unbind(1)
        states = [torch.relu(entering[0])]
        for step in entering[1:]:
            states.append(torch.relu(step + self.recurrent(states[-1])))
        return torch.stack(states, dim=1)


class GatedRecurrence(nn.Module):
    """h_1 = tanh(W x_1), then u, r = sigmoid(...), h = u tanh(W x + U (r h')) + (1 - u) h'.

    (B, L, inputs) -> states (B, L, hidden). Against torch's GRU the reset gate acts before U, and the update gate
    weighs the candidate instead of the old state.
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.input, self.recurrent = nn.Linear(inputs, 3 * hidden), nn.Linear(hidden, 2 * hidden)
        self.candidate = nn.Linear(hidden, hidden)

    def forward(self, steps: Tensor) -> Tensor:
        hidden = self.candidate.out_features
        entering = self.input(steps).unbind(1)
        states = [torch.tanh(entering[0][:, 2 * hidden :])]
        for step in entering[1:]:
            old, (gates, proposed) = states[-1], step.split([2 * hidden, hidden], dim=1)
            update, reset = torch.sigmoid(gates + self.recurrent(old)).chunk(2, dim=1)
            candidate = torch.tanh(proposed + self.candidate(reset * old))
            states.append(update * candidate + (1 - update) * old)
        return torch.stack(states, dim=1)


def build_recurrence(kind: Recurrence, inputs: int, hidden: int) -> nn.Module:
    """The cell of that kind, (B, L, inputs) -> (B, L, hidden)."""
    return {Recurrence.RELU: ReluRecurrence, Recurrence.GRU: GatedRecurrence}[kind](inputs, hidden)
