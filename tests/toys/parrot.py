"""A parrot that says what it hears, as often as it was taught: the smallest experiment that speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.data import Vocabulary
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Manner, Metrics, Passage, State

SOUNDS = Vocabulary(tuple("abcdefghijklmnopqrstuvw"))  # it cannot say x


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of parrot."""

    run: RunConfig = RunConfig(
        steps=3, log_every=1, evaluate_every=0, save_every=3, threads=1, device="cpu", wandb="off"
    )


class Parrot:
    """The trial."""

    unit = "lessons"

    def __init__(self) -> None:
        self.steps = 0

    def step(self) -> Metrics:
        """One lesson."""
        self.steps += 1
        return {"lessons": float(self.steps)}

    def evaluate(self) -> Metrics:
        """Nothing is judged."""
        return {}

    def illustrate(self) -> Mapping[str, Passage]:
        """What it says of itself, marks of HTML among it."""
        return {"greeting": Passage(f"<b>{self.steps}</b> lessons & counting\n  indented")}

    def reply(self, prompt: str, manner: Manner) -> str:
        """The prompt, then the lessons and the manner."""
        SOUNDS.encode(prompt)
        return (
            f"{prompt}! {self.steps} {manner.length} {manner.temperature:g} {manner.top_k} {manner.beam} {manner.seed}"
        )

    def state_dict(self) -> State:
        """Everything."""
        return {"steps": self.steps}

    def load_state_dict(self, state: State) -> None:
        """Goes on."""
        self.steps = state["steps"]


def build(config: Config, seeds: Seeds) -> Parrot:
    """The trial."""
    return Parrot()


TARGET = None
SMOKE = Config()
