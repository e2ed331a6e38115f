"""DQN on Pong beside Stable-Baselines3's: agent steps a second, memory of the replay, seconds to start.

Same hyperparameters (Nature network, batch 32, one update every four agent steps, Adam), same machine and threads, in
turn in one process; with one environment and with eight, on a GPU with eight and with 32; ours also in bfloat16 where
the device has it. Every arm learns from before the first measured step on. Ours runs as `lab run` does, through `run`
and `Interaction`, without evaluation and checkpoints, which SB3's `learn` does not have either. SB3 steps its
environments one after another (DummyVecEnv, its default), and on a GPU it takes whatever kernels are fastest, as its
users do, where ours takes those that give the same bits each time.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ale_py
import gymnasium
import numpy as np
import stable_baselines3
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from agents.agent import Transition
from agents.atari import AtariEnvironments
from agents.atari_protocol import NATURE
from agents.dqn import DQN
from agents.dqn_config import ADAM_DQN
from agents.dqn_trial import dqn_in, overlap_pays
from agents.interaction import EvaluationConfig, Interaction
from agents.priorities import PrioritisedConfig
from agents.replay import Replay
from benchmarks.measure import Check, Elapsed, Result, Spread, alternate, between, command, paired_ratio
from lab.precision import has_bfloat16
from lab.provenance import cores, fixed_bits
from lab.run import RunConfig, run
from lab.schedules import constant
from lab.seeding import Seeds

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
AT_LEAST = {"float32": 1.6, "bfloat16": 2.2}  # times SB3's agent steps a second
PRECISIONS = [name for name in AT_LEAST if name == "float32" or has_bfloat16(DEVICE)]
EVERY = 4  # agent steps an update
GPU = DEVICE.type == "cuda"
NUMS = (8, 32) if GPU else (1, 8)  # environments
# Agent steps of one measured stretch, so that on a GPU one takes ten seconds and more of either; stretches.
STEPS, STEPS_OF_PEER, REPEATS = (80_000, 6_400, 3) if GPU else (960, 960, 5)
ON_GPU = 5_000  # agent steps a second there, with the most environments
PEER = "Stable-Baselines3"
WARM = 400  # agent steps before the first update
SETTINGS = replace(ADAM_DQN, exploration=constant(0.05), train_every=EVERY, replay_capacity=20_000)
THREADS = cores()


class Ours:
    """The lab's DQN, which goes on from stretch to stretch."""

    def __init__(self, num: int, steps: int, warm: int, *, bfloat16: bool):
        self.steps, self.warm = steps, warm
        environments = AtariEnvironments("pong", num, Seeds(0).child("environments"), NATURE)
        self.trial: Interaction = dqn_in(
            environments,
            replace(SETTINGS, learn_after=warm, bfloat16=bfloat16),
            Seeds(0),
            evaluation=EvaluationConfig(),
            device=DEVICE,
            overlap=overlap_pays(num, DEVICE),
        )

    def stretch(self, repeat: int) -> float:
        """Agent steps a second."""
        until = self.trial.steps + self.steps + (self.warm if repeat < 0 else 0)
        config = RunConfig(steps=10**9, log_every=self.steps, evaluate_every=0, save_every=0)
        stop = lambda: "the stretch is over" if self.trial.steps >= until else ""  # noqa: E731
        return self.steps / Elapsed.of(lambda: run(self.trial, config, stop=stop)).wall

    @property
    def updates(self) -> int:
        """Updates so far."""
        assert isinstance(self.trial.agent, DQN)
        return self.trial.agent.descent.updates


class Peer:
    """SB3's DQN, which goes on from stretch to stretch."""

    def __init__(self, num: int, steps: int, warm: int):
        self.steps, self.warm = steps, warm
        gymnasium.register_envs(ale_py)
        self.model = stable_baselines3.DQN(
            "CnnPolicy",
            VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=num, seed=0), 4),
            learning_rate=SETTINGS.learning_rate,
            buffer_size=SETTINGS.replay_capacity,
            learning_starts=warm,
            batch_size=SETTINGS.batch_size,
            gamma=SETTINGS.discount,
            train_freq=max(1, EVERY // num),
            gradient_steps=max(1, num // EVERY),
            target_update_interval=SETTINGS.copy_target_every,
            exploration_initial_eps=SETTINGS.exploration.start,
            exploration_final_eps=SETTINGS.exploration.start,
            max_grad_norm=SETTINGS.max_gradient_norm,
            seed=0,
        )

    def stretch(self, repeat: int) -> float:
        """Agent steps a second."""
        steps = self.steps + (self.warm if repeat < 0 else 0)
        torch.use_deterministic_algorithms(not GPU)
        seconds = Elapsed.of(lambda: self.model.learn(steps, reset_num_timesteps=False)).wall
        torch.use_deterministic_algorithms(True)
        return steps / seconds

    @property
    def updates(self) -> int:
        """Updates so far."""
        return int(self.model._n_updates)


def measure(quick: bool = False) -> Result:
    """How many times SB3's agent steps a second ours does on Pong, in what memory, and how soon it starts."""
    steps, warm, repeats, threads = ((16, 16), 32, 2, 1) if quick else ((STEPS, STEPS_OF_PEER), WARM, REPEATS, THREADS)
    with fixed_bits(threads, deterministic=True):
        few, many = (_speeds(num, steps, warm, repeats) for num in ((1, 2) if quick else NUMS))
    checks, notes = _memory_and_start(quick)
    return Result(
        title="DQN on Pong, one update of 32 every four agent steps: medians (quartiles)",
        header=("", "agent steps/s", "updates", "times SB3's"),
        rows=[*few[0], *many[0]],
        checks=[
            *few[1],
            *many[1],
            *checks,
        ],
        notes=[
            f"{steps[0]:,} agent steps a stretch ({steps[1]:,} of SB3's), {repeats} stretches an arm in turn, "
            f"{threads} threads, {DEVICE}. Ratios: medians over neighbouring stretches, with 95 % intervals.",
            "bfloat16 was measured, too."
            if "bfloat16" in PRECISIONS
            else "bfloat16 is not measured: no instructions here.",
            *notes,
        ],
    )


def _memory_and_start(quick: bool) -> tuple[list[Check], list[str]]:
    memory, note = _memory_of_a_gpu(quick) if GPU else _memory(quick)
    uniform, prioritised = (_sampling_seconds(quick, each) for each in (None, PrioritisedConfig()))
    seconds = {name: _seconds_to_start(code, 1 if quick else 3) for name, code in STARTS.items()}
    return [
        *memory,
        Check(name="milliseconds to draw a batch of 32", value=1000 * uniform.median, at_most=1.0),
        Check(name="milliseconds to draw one by priority", value=1000 * prioritised.median, at_most=1.0),
    ], [
        note,
        f"A batch of 32 is drawn and its stacks built in {uniform.text(1000, 3)} ms; by priority, returns of three "
        f"steps, with its weights in {prioritised.text(1000, 3)} ms.",
        "Seconds from python's start to the first agent step: "
        + ", ".join(f"{name} {spread.text(digits=1)}" for name, spread in seconds.items())
        + ".",
    ]


def _speeds(num: int, steps: tuple[int, int], warm: int, repeats: int) -> tuple[list[tuple[str, ...]], list[Check]]:
    """Rows and checks of all arms with so many environments, in stretches of so many steps of ours and of SB3's."""
    arms: dict[str, Ours | Peer] = {name: Ours(num, steps[0], warm, bfloat16=name == "bfloat16") for name in PRECISIONS}
    arms[PEER] = Peer(num, steps[1], warm)
    stretches: dict[str, Callable[[int], float]] = {name: arm.stretch for name, arm in arms.items()}
    speeds = alternate(stretches, repeats)
    updates = {name: arm.updates for name, arm in arms.items()}
    due = {name: arm.steps * (repeats + 1) / EVERY for name, arm in arms.items()}
    if any(abs(updates[name] - due[name]) > max(4, num // 2) for name in arms):  # they begin a step sooner or later
        raise RuntimeError(f"They did not do the same work: updates {updates}. Compare their settings.")
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    for name in arms:
        label = f"{name}, {num} environment{'s' if num > 1 else ''}"
        ratio = paired_ratio(speeds[name], speeds[PEER])
        times = "" if name == PEER else between(ratio, 2)
        rows.append((label, Spread.of(speeds[name]).text(digits=0), f"{updates[name]:,}", times))
        if GPU and num == max(NUMS) and name == "float32":
            speed = Spread.of(speeds[name]).median
            checks.append(Check(name=f"agent steps a second, {label}", value=speed, at_least=ON_GPU))
        if name != PEER:
            checks.append(
                Check(name=f"over SB3's, {label}", value=ratio.estimate, interval=ratio, at_least=AT_LEAST[name])
            )
    return rows, checks


def _memory(quick: bool) -> tuple[list[Check], str]:
    """What full replays of 84 x 84 pixels take of the machine's memory, each filled in a process of its own."""
    hundred, thousand = 100_000, 1_000
    if quick:
        hundred, thousand = 1_000, 10
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        large, ours = pool.map(_bytes_of_ours, [10 * hundred, hundred], chunksize=1)
        (theirs,) = pool.map(_bytes_of_theirs, [hundred], chunksize=1)
    checks = [
        Check(name="GB of a replay of 1,000,000", value=large / 1e6 / thousand, at_most=7.3),
        Check(name="share of SB3's memory, replays of 100,000", value=ours / theirs, at_most=1 / 8),
        Check(name="the same by the bytes of their arrays", value=_share_of_arrays(hundred), at_most=1 / 8),
    ]
    note = (
        f"Full replays of {hundred:,}: ours {ours / 1e6:,.1f} MB, SB3's {theirs / 1e6:,.1f} MB; of {10 * hundred:,}: "
    )
    return checks, note + f"ours {large / 1e6:,.1f} MB (growth of the resident memory)."


def _share_of_arrays(capacity: int) -> float:
    """Nothing of them is written to, and so they take no memory."""
    ours = _replay(capacity).frames.nbytes + capacity * 2  # a byte of action and end, one of reward
    theirs = sum(value.nbytes for value in vars(_buffer(capacity)).values() if isinstance(value, np.ndarray))
    return ours / theirs


def _memory_of_a_gpu(quick: bool) -> tuple[list[Check], str]:
    """What a replay of 84 x 84 pixels takes of a GPU's memory; it is allocated at once."""
    million = 10_000 if quick else 1_000_000
    gc.collect()
    before = torch.cuda.memory_allocated()
    replay = _replay(million, device=DEVICE)
    grown = (torch.cuda.memory_allocated() - before) * 1_000_000 / million
    assert replay.frames.tensor.is_cuda
    return [Check(name="GB of a replay of 1,000,000", value=grown / 1e9, at_most=7.3)], "Memory is the GPU's."


def _replay(capacity: int, **settings: Any) -> Replay:
    return Replay(capacity, (4, 84, 84), np.uint8, 6, Seeds(0), stack=4, reward_dtype=np.int8, **settings)


def _filled(replay: Replay) -> Replay:
    """The ring once round, in episodes of 1,500 steps, which is about what Pong's have."""
    observation = np.full((1, 4, 84, 84), 7, np.uint8)
    one, no, yes = np.ones(1, np.float32), np.zeros(1, bool), np.ones(1, bool)
    for step in range(replay.capacity):
        last = yes if step % 1_500 == 1_499 else no
        replay.add(Transition(observation, np.zeros(1, np.int64), one, one, observation, last))
    return replay


def _bytes_of_ours(capacity: int) -> int:
    _filled(_replay(50))  # code that is loaded when it is first used is not the replay's
    gc.collect()  # that small one would be freed while the large one is filled, which would look smaller
    before = _resident()
    replay = _filled(_replay(capacity))
    grown = _resident() - before
    assert len(replay) > 0.9 * capacity  # it is still there
    return grown


def _bytes_of_theirs(capacity: int) -> int:
    before = _resident()
    buffer = _buffer(capacity)
    for array in (value for value in vars(buffer).values() if isinstance(value, np.ndarray)):
        array[:] = 1
    return _resident() - before


def _buffer(capacity: int) -> ReplayBuffer:
    return ReplayBuffer(capacity, Box(0, 255, (4, 84, 84), np.uint8), Discrete(6), device="cpu", n_envs=1)


def _resident() -> int:
    """Bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _sampling_seconds(quick: bool, priorities: PrioritisedConfig | None) -> Spread:
    """Seconds to draw a batch of 32 and to build its stacks; by priority, as Rainbow does, with its weights."""
    steps = 1 if priorities is None else 3
    replay = _filled(_replay(2_000 if quick else 50_000, priorities=priorities, steps=steps, device=DEVICE))
    seconds = []
    for _ in range(500):
        started = time.perf_counter()
        rows = replay.draw(32)
        replay.at(rows)
        if priorities is not None:
            replay.weights(rows, 0.5)
        if GPU:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return Spread.of(seconds)


_START_OURS = """
from agents.atari import AtariEnvironments
from agents.dqn_trial import dqn_in
from agents.dqn_config import ADAM_DQN
from agents.interaction import EvaluationConfig
from lab.seeding import Seeds
import torch
device = "cuda" if torch.cuda.is_available() else "cpu"
environments = AtariEnvironments("pong", 1, Seeds(0))
dqn_in(environments, ADAM_DQN, Seeds(0), evaluation=EvaluationConfig(), device=device).step()
"""
_START_PEER = """
import ale_py, gymnasium
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack
gymnasium.register_envs(ale_py)
DQN("CnnPolicy", VecFrameStack(make_atari_env("PongNoFrameskip-v4"), 4), buffer_size=100_000).learn(1)
"""
STARTS = {"ours, with a replay of 1,000,000": _START_OURS, "Stable-Baselines3, with one of 100,000": _START_PEER}


def _seconds_to_start(code: str, repeats: int) -> Spread:
    """Wall-clock seconds of a python that imports, builds and does one step."""
    command = [sys.executable, "-c", code]
    return Spread.of([Elapsed.of(lambda: subprocess.run(command, check=True)).wall for _ in range(repeats)])


if __name__ == "__main__":
    sys.exit(command(measure))
