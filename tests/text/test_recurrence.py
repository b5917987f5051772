from __future__ import annotations

import math

import torch
from torch import nn

from condgen.text.recurrence import GatedRecurrence, ReluRecurrence


def constant(module, **values):
    for name, parameter in module.named_parameters():
        nn.init.constant_(parameter, values[name.replace(".", "_")])
    return module


def test_relu_recurrence_has_no_recurrent_bias_at_the_first_step():
    cell = constant(ReluRecurrence(1, 1), input_weight=2, input_bias=1, recurrent_weight=0.5, recurrent_bias=-3)
    states = cell(torch.tensor([[[1.0], [2.0], [-5.0]]]))
    assert states.flatten().tolist() == [3.0, 2 * 2 + 1 + 0.5 * 3 - 3, 0.0]


def test_gated_recurrence_by_its_equations():
    cell = GatedRecurrence(1, 1)
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[0.1], [0.2], [0.3]]))  # update, reset, candidate
        cell.input.bias.copy_(torch.tensor([0.01, 0.02, 0.03]))
        cell.recurrent.weight.copy_(torch.tensor([[0.4], [0.5]]))
        cell.recurrent.bias.copy_(torch.tensor([0.04, 0.05]))
        cell.candidate.weight.fill_(0.6)
        cell.candidate.bias.fill_(0.06)

    def sigmoid(value):
        return 1 / (1 + math.exp(-value))

    first = math.tanh(0.3 * 2 + 0.03)
    update = sigmoid(0.1 * 3 + 0.01 + 0.4 * first + 0.04)
    reset = sigmoid(0.2 * 3 + 0.02 + 0.5 * first + 0.05)
    candidate = math.tanh(0.3 * 3 + 0.03 + 0.6 * (reset * first) + 0.06)
    second = update * candidate + (1 - update) * first
    states = cell(torch.tensor([[[2.0], [3.0]]])).flatten()
    torch.testing.assert_close(states, torch.tensor([first, second]))
