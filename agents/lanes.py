"""Lanes: where each environment's steps lie in a replay's ring, and which of them can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lab.trial import State


class Coding:
    """One number for what was done in a slot: 0 nothing, else 1 + action, plus `ended` where the discount is 0."""

    def __init__(self, num_actions: int):
        """In one byte, if so many actions can be told apart in it."""
        one_byte = num_actions <= 127
        self.dtype, self.ended = np.dtype(np.uint8 if one_byte else np.int32), 1 << (7 if one_byte else 30)

    def of(self, actions: list[int], discounts: list[float]) -> list[int]:
        """Of actions in [0, num_actions) and discounts 0 or 1."""
        return [1 + action if discount else 1 + action + self.ended for action, discount in zip(actions, discounts)]

    def action(self, codes: Tensor) -> Tensor:
        """Any shape -> the same as int64, where an action was taken."""
        return (codes & (self.ended - 1)).long() - 1

    def goes_on(self, codes: Tensor) -> Tensor:
        """Any shape -> bool: where the discount is not 0."""
        return codes < self.ended


class Lanes:
    """A ring of slots for each environment, in plain numbers on the host; it holds no frames.

    Lane i has the slots [i * length, (i + 1) * length). In it an episode lies as the `stack` frames of its first
    observation and one frame a step that followed, so that the observation of any step is a slot's frame and the
    stack - 1 before it, however the environment filled its first stack, and the next observation lies one further.
    A lane's head is the slot of its newest frame, on which no action was taken yet. Where the episode ended, none
    will be: the next one begins behind it.

    A slot is a row that can be drawn if an action was taken there, the frames of its observation are not overwritten,
    and its return is complete: `steps` steps followed, or the end of the episode.
    """

    def __init__(
        self, num: int, length: int, stack: int, steps: int, coding: Coding, reward_dtype: np.dtype, watch: bool
    ):
        """With `watch`, `changed` lists every slot whose code or validity changed, until somebody clears it."""
        self.num, self.length, self.stack, self.steps, self.watch = num, length, stack, steps, watch
        self.code = np.zeros(num * length, coding.dtype)  # 0, too, as soon as a frame of the observation is gone
        self.reward = np.zeros(num * length, reward_dtype)
        self.heads = [lane * length - 1 for lane in range(num)]  # slots; at first none
        self.waiting = [0] * num  # newest steps whose returns are not complete
        self.resting = list(range(num))  # lanes without an episode, in which the next one has to begin
        self.used = 0  # first slots of a lane that were ever written, of the lane with most
        self.size = 0  # rows that can be drawn
        self.changed: list[int] = []

    def begin(self) -> list[int]:
        """Begins an episode in every resting lane; the slots for all frames of their first observations."""
        resting, self.resting = self.resting, []
        return [self._advance(lane) for lane in resting for _ in range(self.stack)]

    def step(self, codes: list[int], rewards: list[float], last: list[bool]) -> list[int]:
        """Notes what was done in each lane, and whether its episode is over; the slots for the frames that followed."""
        # A loop in plain numbers, which for the usual 1 to 16 lanes is faster than array operations.
        following = []
        for lane, row in enumerate(self.heads):
            self.code[row], self.reward[row] = codes[lane], rewards[lane]
            following.append(self._advance(lane))
            if last[lane]:
                complete, self.waiting[lane] = self.waiting[lane] + 1, 0
                self.resting.append(lane)
            elif self.waiting[lane] < self.steps - 1:
                complete, self.waiting[lane] = 0, self.waiting[lane] + 1
            else:
                complete = 1
            self.size += complete
            if self.watch:
                self.changed.append(row)
                self.changed += self._before(lane, self.waiting[lane] + 1, complete)
        return following

    def _advance(self, lane: int) -> int:
        """Moves the head one slot on, and gives up the row whose first frame lies there. Returns the head."""
        first = lane * self.length
        head = self.heads[lane] + 1 - first
        if head == self.length:
            head, self.used = 0, self.length
        self.used = max(self.used, head + 1)
        self.heads[lane] = head + first
        lost = first + (head + self.stack - 1) % self.length
        if self.code[lost]:
            self.code[lost] = 0
            self.size -= 1
            if self.watch:
                self.changed.append(lost)
        return self.heads[lane]

    def _before(self, lane: int, age: int, count: int) -> list[int]:
        """The slots `age`, `age` + 1, ... (`count` of them) before the head."""
        first = lane * self.length
        return [first + (self.heads[lane] - first - i) % self.length for i in range(age, age + count)]

    def valid(self, slots: np.ndarray) -> np.ndarray:
        """Which of these slots can be drawn: bool of the same shape."""
        valid = self.code[slots] != 0
        if self.steps > 1:
            lane = slots // self.length
            age = (np.array(self.heads)[lane] - slots) % self.length
            valid &= age > np.array(self.waiting)[lane]
        return valid

    def draw(self, count: int, generator: torch.Generator) -> np.ndarray:
        """Rows [count], uniformly and with replacement; the generator is the host's, and one row at least is there."""
        used = self.num * self.used
        found: list[np.ndarray] = []
        missing = count
        while missing:  # usually once: what lies between episodes is thrown back
            tries = int(missing * 1.1 * used / self.size) + 8
            slots = torch.randint(used, (tries,), generator=generator).numpy()
            if self.num > 1 and self.used < self.length:
                slots = slots // self.used * self.length + slots % self.used
            found.append(slots[self.valid(slots)][:missing])
            missing -= len(found[-1])
        return np.concatenate(found)

    def newest(self, count: int) -> np.ndarray:
        """Rows of the newest transitions, oldest first, of one time by lane: [count], fewer if there are fewer."""
        count = min(count, self.size)
        lanes, heads = np.arange(self.num)[:, None], np.array(self.heads)[:, None]
        span = min(2 * (count // self.num + self.stack + self.steps), self.length - 1)
        while True:
            slots = (
                lanes * self.length + (heads - np.arange(1, span + 1)) % self.length
            )  # [lanes, span] from new to old
            taken = self.code[slots] != 0
            age = taken.cumsum(1)  # in steps, which all lanes take together
            # Steps that the span covers in every lane are known; older ones are not wanted if these are enough.
            known = self.valid(slots) & ((age <= age[:, -1].min()) | (span == self.length - 1))
            if known.sum() >= count:
                break
            span = min(2 * span, self.length - 1)
        lane, column = np.nonzero(known)
        order = np.lexsort((lane, -age[lane, column]))
        return slots[lane, column][order][len(order) - count :]

    def state_dict(self) -> State:
        """Everything but what `changed` lists; the arrays are those in use."""
        return {name: getattr(self, name) for name in _STATE} | {
            "code": torch.from_numpy(self.code),
            "reward": torch.from_numpy(self.reward),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up copies of a state."""
        for name in _STATE:
            value = state[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)
        self.code[:], self.reward[:] = state["code"], state["reward"]
        self.changed.clear()


_STATE = ("heads", "waiting", "resting", "used", "size")
