"""Experience replay: the newest transitions of several environments, each frame kept once, on the device.

Source: Lin 1992; Mnih et al. 2015, methods. n-step returns: Sutton 1988, and Hessel et al. 2018.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.agent import Transition
from agents.lanes import Coding, Lanes
from agents.memory import check_memory
from agents.priorities import Priorities, PrioritisedConfig
from agents.transition_checks import check_form, check_values, kept_rewards
from lab.recording import Graphed, in_any_order
from lab.seeding import Seeds, take_up
from lab.tracked import Tracked
from lab.trial import State

_MANY_CHANGES = 10_000  # slots after which the device is told of changes although nobody asks


class Batch(NamedTuple):
    """Transitions drawn for learning, on the replay's device; the leading axes are those that were asked for."""

    observation: Tensor  # [..., *observation_shape] where the agent acted
    action: Tensor  # [...] int64
    reward: Tensor  # [...] float32, discounted sum of the rewards of m steps: as many as asked for, or to the end
    discount: Tensor  # [...] float32, what the value of next_observation counts: discount^m, 0 behind a termination
    next_observation: Tensor  # [..., *observation_shape] m steps later, of an ended episode its true last one


class Replay:
    """A ring of `capacity` slots, split evenly among the environments, and allocated at once.

    A slot holds one frame; an observation is `stack` frames, the newest last, and a step adds one. So a transition
    takes one slot, an episode `stack` more (see agents.lanes). Stacks, n-step returns and what follows the end of
    an episode are put together when transitions are read. Rows are numbers of slots.
    """

    def __init__(
        self,
        capacity: int,
        observation_shape: tuple[int, ...],
        observation_dtype: np.dtype | type,
        num_actions: int,
        seeds: Seeds,
        *,
        stack: int = 1,
        steps: int = 1,
        discount: float = 0.99,
        reward_dtype: np.dtype | type = np.float32,
        priorities: PrioritisedConfig | None = None,
        device: torch.device | str = "cpu",
    ):
        """Observations are `stack` frames along their first axis, or with 1 one frame of any shape.

        Returns are of `steps` steps, each reward counting `discount` of the one before. With `priorities`
        transitions are drawn by them, otherwise uniformly. Raises ValueError if capacity, stack and shape do not go
        together, or if the memory of the device or of the host is too small.
        """
        self.capacity, self.num_actions, self.stack, self.steps = capacity, num_actions, stack, steps
        self.device = torch.device(device)
        self._shape, self._dtype = tuple(observation_shape), np.dtype(observation_dtype)
        self._reward_dtype, self._coding = np.dtype(reward_dtype), Coding(num_actions)
        self._check_settings()
        frame_shape = self._shape if stack == 1 else self._shape[1:]
        dtype = torch.from_numpy(np.empty(0, self._dtype)).dtype
        self._check_memory(prod(frame_shape) * dtype.itemsize, priorities is not None)
        self.frames = Tracked((capacity, *frame_shape), dtype, self.device)
        self._powers = torch.tensor([discount**m for m in range(steps + 1)], device=self.device)  # float32
        # Drawing uniformly is the host's work, as it knows what is valid: so a device is never waited for.
        self.generator = seeds.generator("replay", "cpu" if priorities is None else self.device)
        self.priorities = None if priorities is None else Priorities(priorities, capacity, self.generator)
        self._lanes: Lanes | None = None  # until the number of environments is known
        self._newest_frames = np.empty((0, *frame_shape), self._dtype)  # [N, ...] on which the next actions are taken
        self._noting, self._putting = Graphed(self._note, self.device), Graphed(self._put, self.device)
        self._link()

    def _check_settings(self) -> None:
        if self.stack < 1 or self.steps < 1:
            raise ValueError(f"stack is {self.stack} and steps {self.steps}. Both count from 1: set them to 1 or more.")
        if self.stack > 1 and self._shape[:1] != (self.stack,):
            raise ValueError(
                f"Observations of shape {list(self._shape)} are no stacks of {self.stack} frames: the first axis has "
                f"to count them. Give observations [{self.stack}, ...], or set stack to 1."
            )
        if self._reward_dtype not in (np.float32, np.int8, np.int16, np.int32):
            raise ValueError(f"reward_dtype is {self._reward_dtype}. Take float32, int8, int16 or int32.")
        self._length(1)

    def check_environments(self, num: int) -> None:
        """Raises ValueError if it is too small for so many environments, before they step."""
        self._length(num)

    def _length(self, num: int) -> int:
        """The slots that each of so many environments gets."""
        length, needed = self.capacity // num, self.stack + self.steps
        if length < needed:
            raise ValueError(
                f"A replay of {self.capacity} slots leaves each of {num} environments {length}, but one transition "
                f"takes {needed} frames (stack {self.stack}, steps {self.steps}). "
                f"Set replay_capacity to {num * needed} at least."
            )
        return length

    def _check_memory(self, frame: int, prioritised: bool) -> None:
        """Refuses, before anything is allocated, what does not fit on the device, or beside it on the host."""
        columns = self._coding.dtype.itemsize + self._reward_dtype.itemsize
        check_memory(self.capacity, frame, columns + 5 * prioritised, self.device)  # 4 of a leaf, and nodes above
        if self.device.type != "cpu":
            check_memory(self.capacity, 0, columns, torch.device("cpu"))

    # ---- the host's and the device's view of the same slots ----------------------------------------------------------

    def _link(self) -> None:
        """Codes and rewards as tensors and, where numpy can reach them, frames as an array.

        On a processor these are the same memory, and numpy writes a row in a fraction of the time of torch. A
        device has copies of codes and rewards, which learn of changes when they are needed (`tell`).
        """
        on_host = _numpy_reaches(self.device)
        self._array = self.frames.tensor.numpy() if on_host else None
        if self._lanes is not None:
            self._code, self._reward = map(torch.from_numpy, (self._lanes.code, self._lanes.reward))
            if not on_host:
                self._code, self._reward = (column.to(self.device, copy=True) for column in (self._code, self._reward))
                self._noting.forget()

    def __getstate__(self) -> dict[str, Any]:
        """For copies, whose arrays would be memory of their own and not that of their tensors."""
        return {name: value for name, value in vars(self).items() if name not in ("_array", "_code", "_reward")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._link()

    def tell(self) -> None:
        """Tells the device and the priorities which slots changed since they were told last."""
        lanes = self._lanes
        if lanes is None or not lanes.changed:
            return
        slots = np.unique(lanes.changed)
        lanes.changed.clear()
        if self._array is not None:
            assert self.priorities is not None, "only they have to be told what lies in the same memory"
            self.priorities.renew(self._send(slots), self._send(lanes.valid(slots)))
            return
        slots = _padded(slots)
        told = (slots, lanes.code[slots], lanes.reward[slots], lanes.valid(slots))
        self._noting(torch.from_numpy(np.array(told, np.float64)))  # which holds all of them exactly

    def _note(self, told: Tensor) -> tuple[()]:
        """On the device, the slots that changed [M], and their codes, rewards and validity: told [4, M] float64."""
        slots = told[0].long()
        with in_any_order():  # a slot that comes twice comes with the same values
            self._code[slots] = told[1].to(self._code.dtype)
            self._reward[slots] = told[2].to(self._reward.dtype)
        if self.priorities is not None:
            self.priorities.renew(slots, told[3].bool())
        return ()

    def _send(self, array: np.ndarray) -> Tensor:
        """On the device, without waiting for it; the host's memory is read before the call returns."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, non_blocking=True)

    # ---- writing ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Transitions that can be drawn now."""
        return 0 if self._lanes is None else self._lanes.size

    def add(self, transition: Transition) -> None:
        """Writes one transition of each of N environments, over the oldest ones once the ring is full.

        Raises ValueError, and writes nothing, if it is not of the shape, type or number of those before or does not
        follow them, or if an action, reward or discount cannot be kept.
        """
        num = None if self._lanes is None else self._lanes.num
        check_form(transition, num, self._shape, self._dtype)
        actions, discounts = transition.action.tolist(), transition.discount.tolist()
        check_values(actions, discounts, self.num_actions)
        rewards = kept_rewards(transition.reward, self._reward_dtype)
        lanes = self._lanes or self._new_lanes(len(rewards))
        self._check_continuity(lanes, transition.observation)
        if lanes.resting:
            first = transition.observation[lanes.resting]
            self._write(lanes.begin(), first if self.stack == 1 else first.reshape(-1, *first.shape[2:]))
        following = lanes.step(self._coding.of(actions, discounts), rewards, transition.last.tolist())
        frames = self._newest(transition.next_observation)
        self._write(following, frames)
        self._newest_frames = frames.copy()
        if len(lanes.changed) > _MANY_CHANGES:
            self.tell()

    def _new_lanes(self, num: int) -> Lanes:
        """One for each of so many environments."""
        watch = self._array is None or self.priorities is not None
        length = self._length(num)
        self._lanes = Lanes(num, length, self.stack, self.steps, self._coding, self._reward_dtype, watch)
        self._link()
        return self._lanes

    def _check_continuity(self, lanes: Lanes, observation: np.ndarray) -> None:
        """The observation is the next one of the transition before, except where an episode begins."""
        held, given = self._newest_frames, self._newest(observation)
        if lanes.resting:
            playing = [lane for lane in range(lanes.num) if lane not in lanes.resting]
            held, given = held[playing], given[playing]
        if held.tobytes() != given.tobytes():
            raise ValueError(
                "An environment was observed elsewhere than its transition before had led, though its episode was not "
                "over. The replay keeps each frame once, so it takes every step of an episode, in order: add what is "
                "missing, or set `last` where an episode was broken off."
            )

    def _newest(self, observations: np.ndarray) -> np.ndarray:
        """The newest frames [N, ...] of observations."""
        return observations if self.stack == 1 else observations[:, -1]

    def _write(self, slots: list[int], frames: np.ndarray) -> None:
        if self._array is None:
            self._putting(torch.from_numpy(_padded(np.array(slots))), torch.from_numpy(_padded(frames)))
        for slot, frame in zip(slots, frames):
            if self._array is not None:
                self._array[slot] = frame
            self.frames.wrote(slot)

    def _put(self, slots: Tensor, frames: Tensor) -> tuple[()]:
        with in_any_order():
            self.frames.tensor[slots] = frames
        return ()

    # ---- reading ----------------------------------------------------------------------------------------------------

    def draw(self, count: int) -> Tensor:
        """Rows [count] int64 for `at`, with replacement: uniformly over all transitions, or by their priorities.

        Raises ValueError if there is none yet.
        """
        if self._lanes is None or not len(self):
            raise ValueError("The replay holds no transition with a whole return yet. Add some before drawing.")
        if self.priorities is None:
            return self._send(self._lanes.draw(count, self.generator))
        self.tell()
        return self.priorities.draw(count)

    def newest(self, count: int) -> Tensor:
        """The rows of the transitions added last that can be drawn, oldest first: [count], fewer if there are fewer."""
        return self._send(np.empty(0, np.int64) if self._lanes is None else self._lanes.newest(count))

    def at(self, rows: Tensor) -> Batch:
        """The transitions in rows that can be drawn, as fields [*rows.shape, ...].

        Stacks that overlap are given as views of the same memory: whoever writes to an observation copies it first.
        """
        self.tell()
        start = rows.flatten()  # [B]
        code = self._code.index_select(0, start)
        if self.steps == 1:
            reward = self._reward.index_select(0, start).float()
            discount, end = self._coding.goes_on(code) * self._powers[1], self._after(start, 1)
        else:
            reward, discount, taken = self._returns(start)
            end = self._after(start, taken)
        if self.stack > 1 and self.steps == 1:  # the stacks have all frames but one in common
            frames = self._stacks(start, last=1)  # [B, stack + 1, ...]
            observation, next_observation = frames[:, :-1], frames[:, 1:]
        else:
            observation, next_observation = self._stacks(torch.cat((start, end)), last=0).chunk(2)
        fields = (observation, self._coding.action(code), reward, discount, next_observation)
        return Batch(*(field.unflatten(0, rows.shape) for field in fields))

    def _returns(self, start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From rows [B] on: the return, the discount behind it, and the number of steps that it sums."""
        rows = self._after(start[:, None], torch.arange(self.steps, device=self.device))  # [B, steps]
        codes = self._code[rows]
        within = (codes != 0).cumprod(-1).bool()  # until the episode ended
        goes_on = self._coding.goes_on(codes) | ~within
        reached = goes_on.cumprod(-1).roll(1, -1)  # no termination before
        reached[:, 0] = 1
        worth = torch.where(within, reached * self._powers[:-1], 0.0)
        rewards = torch.where(within, self._reward[rows], 0)  # there may be an infinite one in an older episode
        taken = within.sum(-1)
        return (worth * rewards).sum(-1), goes_on.all(-1) * self._powers[taken], taken

    def _after(self, slots: Tensor, offset: Tensor | int) -> Tensor:
        """The slots so many further in the same lanes, or before them where an offset is negative."""
        assert self._lanes is not None
        length = self._lanes.length
        offset = offset % length
        there = slots + offset
        position = there if self._lanes.num == 1 else slots % length + offset
        return torch.add(there, position >= length, alpha=-length)

    def _stacks(self, slots: Tensor, last: int) -> Tensor:
        """The frames of slots [B], from the first of the stack to the one `last` further: [B, stack + last, ...]."""
        if self.stack == 1:
            return self.frames.tensor.index_select(0, slots)
        every = self._after(slots[:, None], torch.arange(1 - self.stack, 1 + last, device=self.device))
        return self.frames.tensor.index_select(0, every.flatten()).unflatten(0, every.shape)

    def weights(self, rows: Tensor, exponent: float) -> Tensor:
        """Importance weights [..., B] of batches drawn by priority, rows [..., B]; the largest of each batch is 1."""
        return self._by_priority().weights(rows, exponent)

    def prioritise(self, rows: Tensor, errors: Tensor) -> None:
        """Gives rows [...] the priorities that belong to these errors [...], of any sign."""
        priorities = self._by_priority()
        self.tell()  # new rows get the largest priority so far, before there is another
        priorities.prioritise(rows, errors)

    def _by_priority(self) -> Priorities:
        if self.priorities is None:
            raise ValueError("This replay draws uniformly, without priorities. Make it with priorities=.")
        return self.priorities

    # ---- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Everything that is needed to go on exactly, as it lies in memory (not copies)."""
        self.tell()
        return {
            **self._layout,
            "num": 0 if self._lanes is None else self._lanes.num,
            "lanes": None if self._lanes is None else self._lanes.state_dict(),
            "frames": self.frames,
            "generator": self.generator.get_state(),
            "priorities": None if self.priorities is None else self.priorities.state_dict(),
        }

    @property
    def _layout(self) -> State:
        """What a state fits only where it is the same."""
        return {
            "capacity": self.capacity,
            "stack": self.stack,
            "steps": self.steps,
            "reward_dtype": self._reward_dtype.name,
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state.

        Raises ValueError if it is of another capacity or stack, of returns of another number of steps, or of rewards
        of another type.
        """
        for name, here in self._layout.items():
            if (saved := state.get(name, here)) != here:
                raise ValueError(
                    f"The saved replay has {name} {saved}, but here it is {here}: {_DEPENDS_ON[name]}. Go on with the "
                    f"{_SETTING.get(name, name)} that the run began with."
                )
        self.frames.take(state["frames"])
        self._lanes = None
        if state["num"]:
            lanes = self._new_lanes(state["num"])
            lanes.load_state_dict(state["lanes"])
            self._newest_frames = self.frames.tensor[lanes.heads].cpu().numpy()
            self._link()
        take_up(self.generator, state["generator"])
        if self.priorities is not None:
            self.priorities.load_state_dict(state["priorities"])


_DEPENDS_ON = {
    "capacity": "its frames would be in other places",
    "stack": "its frames would be in other places",
    "steps": "which returns are complete would be another thing",
    "reward_dtype": "what it holds would not go into that, or into more memory",
}
_SETTING = {"steps": "n_step", "reward_dtype": "reward_clip"}  # of DQNConfig, where it has another name there


def _padded(rows: np.ndarray) -> np.ndarray:
    """The rows [n, ...] and the last one again, up to a power of two: of few sizes, as each is recorded once."""
    more = (1 << (len(rows) - 1).bit_length()) - len(rows)
    return np.ascontiguousarray(np.concatenate([rows, np.repeat(rows[-1:], more, 0)]) if more else rows)


def _numpy_reaches(device: torch.device) -> bool:
    return device.type == "cpu"
