"""Interaction: the trial of an agent in environments."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace

import gymnasium as gym
import numpy as np

from agents.agent import Agent, ProbedAgent, RunningAhead, Transition, Valued
from agents.environments import Finished
from agents.simulator import NothingToSee
from agents.viewing import AnotherEpisode, watched
from agents.world import World
from lab.backbones import Backbone
from lab.probe import Case
from lab.seeding import Seeds
from lab.trial import Clip, Metrics, Record, State, Viewable

log = logging.getLogger("lab")
SHOWN_FRAMES = 200  # at most, of the episode that illustrates a run
SHOWN_WIDTH = 400  # pixels of its picture

PROBED_OBSERVATIONS = 16  # different ones, for the probe
PROBED_COPIES = 4  # fresh environments, in which they are met
PROBED_STEPS = 500  # of each
PROBED_EVERY = 25  # steps from one look at the environments to the next, as neighbours in time are alike


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How an agent is judged: the mean return of fresh episodes in which it does not explore."""

    episodes: int = 20
    """Episodes, each with a seed of its own."""
    epsilon: float = 0.0
    """Share of random actions, which some protocols ask for; in the episode that is shown, too."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.episodes < 1:
            raise ValueError(f"evaluation.episodes is {self.episodes}, which gives no mean. Set it to at least 1.")
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"evaluation.epsilon is {self.epsilon}, but it is a share. Set it from 0 to 1.")


class Interaction:
    """agent x environments: act, step, learn.

    With `overlap` the agent learns from each transition while the environments make the next one, which those with
    threads of their own do at the same time: what it learns takes effect one action later.
    """

    unit = "environment steps"

    def __init__(
        self,
        agent: Agent,
        environments: World,
        seeds: Seeds,
        evaluation: EvaluationConfig = EvaluationConfig(),
        *,
        overlap: bool = False,
    ):
        self.agent, self.environments, self.evaluation, self.overlap = agent, environments, evaluation, overlap
        if evaluation.epsilon > 0 and not isinstance(environments.action_space, gym.spaces.Discrete):
            raise ValueError(
                f"evaluation.epsilon is {evaluation.epsilon}, a share of random actions among those that are counted, "
                f"but those of {environments.name} are {environments.action_space}. Set it to 0."
            )
        self._ahead = agent if isinstance(agent, RunningAhead) and agent.runs_ahead else None
        self._seeds = seeds
        self._waiting: Transition | None = None  # that the agent has still to learn from
        self._records: list[Record] = []
        self._steps = 0

    @property
    def steps(self) -> int:
        """Environment steps done, of all environments together."""
        return self._steps

    @property
    def backbone(self) -> Backbone | None:
        """The agent's, whose weights an experiment can begin with; none if it names none."""
        return getattr(self.agent, "backbone", None)

    def step(self) -> Metrics:
        """One step of every environment; `return` and `length` where episodes ended, and what the agent reports."""
        observations = self.environments.observations
        if not self.overlap:
            transition = self.environments.step(self.agent.act(observations, explore=True))
            metrics = self.agent.learn(transition)
        else:
            if self._ahead is None:
                self.environments.send(self.agent.act(observations, explore=True))
                metrics = self._learn_waiting()
            else:  # the device gets its updates while it looks for the actions, and has no pause between the two
                actions = self._ahead.ask(observations, explore=True)
                metrics = self._learn_waiting()
                self.environments.send(actions())
            transition = self._waiting = self.environments.recv()
        self._steps += self.environments.num
        if transition.last.any():
            metrics |= self._note_ended()
        return metrics

    def _learn_waiting(self) -> Metrics:
        return self.agent.learn(self._waiting) if self._waiting is not None else {}

    def _note_ended(self) -> Metrics:
        """Records the training episodes that ended; their mean `return` and `length`, or nothing if there are none."""
        ended = self.environments.take_finished()
        self._record("training", ended)
        if not ended:
            return {}
        returns, lengths = zip(*((finished.total_reward, len(finished.actions)) for finished in ended))
        return {"return": float(np.mean(returns)), "length": float(np.mean(lengths))}

    def _record(self, kind: str, ended: list[Finished]) -> None:
        self._records += [self._described(kind, finished) for finished in ended]

    def _described(self, kind: str, finished: Finished) -> Record:
        return {
            "kind": kind,
            "step": self._steps,
            "copy": finished.copy,
            "episode": finished.number,
            "seed": finished.seed,
            "length": len(finished.actions),
            "return": finished.total_reward,
            "actions": finished.actions,
        }

    def take_records(self) -> list[Record]:
        """The episodes that ended since the last call, in training and in evaluation: all to make them again by."""
        taken, self._records = self._records, []
        return taken

    def evaluate(self) -> Metrics:
        """Mean return and length, and the lowest return, of fresh episodes.

        They are a function of weights, steps and seeds alone.
        """
        played = self._play(self.evaluation.episodes, self._seeds.child(f"evaluation/{self._steps}"))
        self._record("evaluation", played)
        # In the copies' order, as a sum of floats depends on the order in the last bit.
        returns = np.array([finished.total_reward for finished in sorted(played, key=lambda finished: finished.copy)])
        length = np.mean([len(finished.actions) for finished in played])
        return {"return": float(returns.mean()), "return_min": float(returns.min()), "length": float(length)}

    def rehearse(self) -> Record:
        """An episode as an evaluation plays it, the same for the same weights, steps and seeds."""
        return self._described("rehearsal", self._play(1, self._seeds.child(f"illustration/{self._steps}"))[0])

    def _play(self, episodes: int, seeds: Seeds) -> list[Finished]:
        """Fresh episodes without exploration but for the evaluation's share of random actions, as they ended."""
        epsilon, chance = self.evaluation.epsilon, seeds.numpy("epsilon")
        with closing(self.environments.fresh(episodes, seeds, once=True)) as environments:
            while not environments.resting.all():
                actions = self.agent.act(environments.observations, explore=False)
                if epsilon > 0:
                    by_chance = chance.random(episodes) < epsilon
                    actions = np.where(by_chance, chance.integers(environments.num_actions, size=episodes), actions)
                environments.step(actions)
            return environments.take_finished()

    def replay(self, record: Record, *, width: int = SHOWN_WIDTH, max_frames: int | None = None) -> Clip:
        """An episode in pictures `width` pixels wide, and beside them what the agent expects now of each action.

        Raises agents.viewing.AnotherEpisode if the simulator does not make again what was recorded.
        """
        clip = watched(
            self.environments, self.agent, record["seed"], record["actions"], record["return"], width=width,
            max_frames=max_frames,
        )  # fmt: skip
        parts = [clip.caption]
        if record["kind"] != "rehearsal":
            parts.append(f"{record['kind']} episode that ended at step {record['step']}")
        if isinstance(self.agent, Valued):
            parts.append(f"values as of step {self._steps}")
        return replace(clip, caption="; ".join(parts))

    def illustrate(self) -> Mapping[str, Clip]:
        """One episode as evaluations play it, if the environment can be looked at and makes an episode twice alike."""
        try:
            return {"episode": self.replay(self.rehearse(), max_frames=SHOWN_FRAMES)}
        except (NothingToSee, AnotherEpisode) as error:  # what was learnt is worth keeping all the same
            log.warning("No episode is shown: %s", error)
            return {}

    def probe_case(self) -> Case:
        """The agent's, on different observations from fresh environments in which actions are random."""
        if not isinstance(self.agent, ProbedAgent):
            raise ValueError(
                f"{type(self.agent).__name__} cannot be probed: it has no probe_case(observations, seeds). Give it "
                "one that returns its module, the inputs and a loss."
            )
        seeds = self._seeds.child("probe")
        chance, met = seeds.numpy("actions"), []
        with closing(self.environments.fresh(PROBED_COPIES, seeds)) as environments:
            for step in range(PROBED_STEPS):
                environments.step(_at_random(environments.action_space, environments.num, chance))
                if step % PROBED_EVERY == 0:
                    met.append(environments.observations)
        different = np.unique(np.concatenate(met), axis=0)
        few = chance.permutation(len(different))[:PROBED_OBSERVATIONS]
        return self.agent.probe_case(different[few], seeds)

    def state_dict(self) -> State:
        """Agent and environments, with the episodes that are going on."""
        state: State = {
            "steps": self._steps,
            "agent": self.agent.state_dict(),
            "environments": self.environments.state_dict(),
        }
        if self.overlap:
            state["waiting"] = asdict(self._waiting) if self._waiting is not None else None
        return state

    def load_for_viewing(self, state: State) -> None:
        """Takes up what the agent has learnt, to be evaluated and watched in episodes of their own."""
        self._steps = state["steps"]
        agent = self.agent
        (agent.load_for_viewing if isinstance(agent, Viewable) else agent.load_state_dict)(state["agent"])

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self._steps = state["steps"]
        self.agent.load_state_dict(state["agent"])
        self.environments.load_state_dict(state["environments"])
        self.overlap = "waiting" in state  # as it began, wherever it goes on
        waiting = state.get("waiting")
        self._waiting = Transition(**waiting) if waiting is not None else None
        self._records = []


def _at_random(space: gym.spaces.Discrete | gym.spaces.Box, num: int, chance: np.random.Generator) -> np.ndarray:
    """Actions [num, ...]: uniformly of those that are counted, else around 0 within the bounds that there are."""
    if isinstance(space, gym.spaces.Discrete):
        return chance.integers(int(space.n), size=num)
    drawn = chance.standard_normal((num, *space.shape))
    return np.clip(drawn, space.low, space.high).astype(space.dtype)
