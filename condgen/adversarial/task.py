"""Turn and Task: the contract between the maths of a game (tasks) and its mechanics (the trainer)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Tensor, nn

if TYPE_CHECKING:
    from condgen.config import RunConfig

Losses = dict[str, Tensor]
"""Named scalars, already weighted; their sum is minimised."""


@dataclass(frozen=True)
class Turn:
    """One player's move: only the child modules named `player` and `also` are updated."""

    player: str
    loss: Callable[[Any], Losses]
    repeats: int = 1  # consecutive updates, each on fresh data (k discriminator steps)
    penalty: Callable[[Any], Losses] | None = None  # added to the loss before the one backward
    penalty_every: int = 1  # lazy: played on every n-th iteration, times n (Karras et al., 2020, appendix B)
    also: tuple[str, ...] = ()  # players that the same loss moves, such as a sentence encoder with its discriminator

    @property
    def players(self) -> tuple[str, ...]:
        """All that it moves; `player`, without whom there is no move, first."""
        return (self.player, *self.also)


class Task(nn.Module):
    """A game: child modules are its players, loss methods take a batch, `turns` is the order of play.

    A task knows no device, rank, dtype, optimizer, step count or `.backward()`. Pools of fakes and reference batches
    are buffers, so that they are checkpointed. Subclasses set the class attributes and define `turns`.
    """

    Config: ClassVar[type]
    """Frozen dataclass of architecture and loss weights; the constructor's one argument."""

    inference: ClassVar[tuple[str, ...]] = ("generator",)
    """The players that a model folder needs to make output; they are averaged when `ema_decay` is set.

    A task in which this depends on the config sets it on the instance.
    """

    pretrained: ClassVar[tuple[str, ...]] = ()
    """Child modules with public weights (VGG, a sentence encoder): never trained, so never saved."""

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.observations: dict[str, Tensor] = {}
        self._handed_over: list[tuple[Any, Any]] = []

    @classmethod
    def players(cls, config: Any) -> tuple[str, ...]:
        """Names of the child modules that learn under this config, each with an optimizer of its own."""
        raise NotImplementedError(f"{cls.__name__} must say who its players are")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        """Raise ValueError where parts of a run's config contradict one another; called when a config is read."""

    @classmethod
    def advise(cls, config: RunConfig) -> list[str]:
        """Lines to print before training: what is allowed but rarely meant."""
        return []

    def prepare(self, dataset: Any) -> None:
        """Take over what must be known of the training split before a new run's first step, such as a vocabulary."""

    def turns(self) -> list[Turn]:
        """The order of play in one iteration."""
        raise NotImplementedError(f"{type(self).__name__} must say who plays when")

    def observe(self, **values: Tensor) -> None:
        """Note scalars for the log that are not losses (they stay on the device).

        The health monitor reads `lead` (see `health.lead`) and `diversity` (of fakes, as a share of that of reals).
        """
        self.observations.update({name: value.detach() for name, value in values.items()})

    def saved_state(self) -> dict[str, Tensor]:
        """The weights and buffers of everything that is not `pretrained`."""
        return {name: value for name, value in self.state_dict().items() if name.split(".")[0] not in self.pretrained}

    def load_saved_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `saved_state` gave.

        Raises:
            RuntimeError: names or shapes differ.
        """
        kept = {name: value for name, value in self.state_dict().items() if name.split(".")[0] in self.pretrained}
        self.load_state_dict({**kept, **state})

    def hand_over(self, batch: Any, made: Any) -> None:
        """Keep what this turn made of a batch (detached fakes) for a later turn of the same iteration.

        A generator that plays before its discriminator leaves its fakes here, and runs once an iteration, not twice.
        """
        self._handed_over.append((batch, made))

    def handed_over(self, batch: Any) -> Any | None:
        """What an earlier turn of this iteration made of this very batch, or None."""
        return next((made for owner, made in self._handed_over if owner is batch), None)

    def finish_iteration(self) -> None:
        """After all turns. Fakes of an old generator must not be judged; a game with state of its own moves it here."""
        self._handed_over.clear()

    def train(self, mode: bool = True) -> Self:
        """As every module's, but what is `pretrained` stays in evaluation mode: its dropout would be noise."""
        super().train(mode)
        for name, module in self.named_children():
            if name in self.pretrained:
                module.eval()
        return self


@dataclass(frozen=True)
class Sound:
    """A recording to listen to."""

    waveform: Tensor  # (T,) in [-1, 1]
    sample_rate: int  # Hz


@dataclass(frozen=True)
class Report:
    """What a look at the validation split gives: measures, pictures as uint8 tensors (3, H, W), and sounds."""

    measures: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, Tensor] = field(default_factory=dict)
    sounds: Mapping[str, Sound] = field(default_factory=dict)


@contextmanager
def opponents_frozen(task: Task, *players: nn.Module):
    """Inside, only the players' parameters ask for gradients; what they asked for before is restored after."""
    mine = {id(parameter) for player in players for parameter in player.parameters()}
    frozen = [p for p in task.parameters() if p.requires_grad and id(p) not in mine]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
