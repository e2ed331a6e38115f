"""DQN: Q-learning with a deep network, experience replay and a frozen target network.

Source: Mnih et al. 2015, "Human-level control through deep reinforcement learning", https://doi.org/10.1038/nature14236.
Each part that the paper adds to Q-learning is a switch of DQNConfig, so that it can be taken away and missed.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.agent import Transition
from agents.backpropagation import PlainNetwork, is_plain
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.losses import action_error, half_square, half_square_slope, huber, huber_slope, q_learning_target
from agents.replay import Batch, Replay
from lab.backbones import Backbone, MLPConfig
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case
from lab.schedules import Schedule, constant, linear
from lab.seeding import Seeds
from lab.trial import Metrics, State

_CACHED_ROWS = 512  # rows whose features stay in a processor's cache; more at once are slower


@dataclass(frozen=True, kw_only=True)
class DQNConfig:
    """What a DQN is made of and how it learns.

    Environment steps count those of all environments together. The defaults suit small problems of 50,000 of them.
    """

    backbone: MLPConfig = MLPConfig(widths=(64, 64))
    """The network below the layer that gives each action its value."""
    discount: float = 0.99
    """What a reward one step later is worth."""
    learning_rate: float = 2e-3
    """Of Adam, before its decay."""
    learning_rate_decay: Schedule = linear(1.0, 0.0, 50_000)
    """Multiplies the learning rate; its step is an environment step."""
    max_gradient_norm: float | None = 10.0
    """Longer gradients are shortened to this; none leaves them as they are."""
    exploration: Schedule = linear(1.0, 0.04, 8_000)
    """Share of random actions; its step is an environment step."""
    learn_after: int = 1_000
    """Environment steps of random or exploring action before the first update."""
    train_every: int = 8
    """Environment steps from one block of updates to the next."""
    updates: int = 4
    """Updates in a block."""
    batch_size: int = 128
    """Transitions an update."""
    experience_replay: bool = True
    """Off: a block learns from the transitions since the one before only, each update from all of them."""
    replay_capacity: int = 50_000
    """Transitions kept, the newest ones."""
    frozen_target: bool = True
    """Off: targets come from the network that is learning, as it changes."""
    copy_target_every: int = 200
    """Environment steps from one copy of the network into the frozen target network to the next."""
    huber: bool = True
    """Off: half the squared error."""
    reward_clip: float | None = None
    """Rewards are clipped to +- this before learning; none leaves them as they are."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        for name in ("train_every", "updates", "batch_size", "replay_capacity", "copy_target_every"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}, but nothing is counted in less than ones. Set it to at least 1.")
        if self.learn_after < 0:
            raise ValueError(f"learn_after is {self.learn_after}, a time before the beginning. Set it to 0 or more.")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"discount is {self.discount}, outside 0 to 1, where returns stay finite. Set it between.")
        if self.reward_clip is not None and not self.reward_clip > 0:
            raise ValueError(f"reward_clip is {self.reward_clip}, which leaves no reward. Set it above 0, or to None.")
        for step in (0, self.exploration.steps):
            if not 0 <= (share := self.exploration(step)) <= 1:
                raise ValueError(f"exploration is {share} at step {step}, but a share lies between 0 and 1.")


SMALL = DQNConfig(
    backbone=MLPConfig(widths=(16,)),
    exploration=linear(1.0, 0.1, 200),
    learn_after=50,
    updates=2,
    batch_size=8,
    replay_capacity=300,
    copy_target_every=40,
)
"""The smallest that exercises every part within a few hundred steps, the turn of the replay's ring included."""


class QNetwork(nn.Module):
    """[B, *observation_shape] -> [B, A], the value of each action."""

    def __init__(self, backbone: Backbone, num_actions: int):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.out_features, num_actions)

    def forward(self, observations: Tensor) -> Tensor:
        return self.head(self.backbone(observations))


class DQN:
    """Learns what each action is worth and takes the best one, now and then a random one."""

    def __init__(
        self,
        config: DQNConfig,
        observation_shape: tuple[int, ...],
        num_actions: int,
        seeds: Seeds,
        *,
        observation_dtype: np.dtype | type = np.float32,
        device: torch.device | str = "cpu",
        written_out: bool = True,
    ):
        """With `written_out`, gradients come from agents.backpropagation where that can, otherwise from autograd."""
        self.config, self.num_actions, self.device = config, num_actions, torch.device(device)
        with seeds.initialising("q_network"):
            network = QNetwork(config.backbone.build(observation_shape), num_actions)
        self.network = network.to(self.device).eval()
        self.target_network = deepcopy(self.network).requires_grad_(False) if config.frozen_target else None
        layers = [m for m in self.network.modules() if isinstance(m, nn.Linear)]
        self.plain = PlainNetwork(layers) if written_out and is_plain(self.network.backbone) else None
        self.descent = Descent(
            self.network.parameters() if self.plain is None else [self.plain.vector],
            OptimizerConfig(learning_rate=config.learning_rate, max_norm=config.max_gradient_norm),
        )
        self.replay = Replay(
            config.replay_capacity,
            observation_shape,
            observation_dtype,
            seeds.generator("replay", self.device),
        )
        self.exploration = seeds.numpy("exploration")
        self.steps = 0  # environment steps learnt from
        self.copied_at = 0  # number of the update since which the target network is frozen

    # ---- acting -----------------------------------------------------------------------------------------------------

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        """The action of highest value for each environment, or with `explore` each by its own chance a random one."""
        num = len(observations)
        if not explore:
            return self._best(observations)
        by_chance = self.exploration.random(num) < self.config.exploration(self.steps)
        chosen = self.exploration.integers(self.num_actions, size=num)
        if by_chance.all():
            return chosen
        return np.where(by_chance, chosen, self._best(observations))

    def _best(self, observations: np.ndarray) -> np.ndarray:
        return self._q(observations).argmax(-1).cpu().numpy()

    def values(self, observations: np.ndarray) -> np.ndarray:
        """Expected discounted return of each action: [N, ...] -> [N, A]."""
        return self._q(observations).cpu().numpy()

    @torch.inference_mode()
    def _q(self, observations: np.ndarray) -> Tensor:
        inputs = self._inputs(torch.from_numpy(observations))
        return self.network(inputs) if self.plain is None else self.plain.forward(inputs)[-1]

    def _inputs(self, observations: Tensor) -> Tensor:
        return observations.to(self.device, torch.float32)

    # ---- learning ---------------------------------------------------------------------------------------------------

    def learn(self, transition: Transition) -> Metrics:
        """Remembers the transition; when due, trains a block of updates and copies the target network."""
        config, before = self.config, self.steps
        self.replay.add(transition)
        self.steps += len(transition.reward)
        metrics: Metrics = {}
        # Several environments may step over more than one period at once; updates an environment step stay the same.
        blocks = self.steps // config.train_every - before // config.train_every
        if blocks and self.steps >= config.learn_after:
            metrics = self._train(blocks)
        if self.steps // config.copy_target_every > before // config.copy_target_every:
            self._copy_target()
        return metrics

    def _train(self, blocks: int) -> Metrics:
        """One or more blocks of updates.

        Meanwhile neither the replay nor the frozen target changes, so all batches are drawn, and all frozen targets
        computed, at once: the same numbers as one by one, in a fraction of the calls.
        """
        config, updates = self.config, blocks * self.config.updates
        if config.experience_replay:
            rows = self.replay.draw(updates * config.batch_size).view(updates, -1)
        else:
            rows = self.replay.newest(blocks * config.train_every).expand(updates, -1)
        targets = None
        if self.target_network is not None:
            targets = self._frozen_targets(self.target_network, rows)
        for group in self.descent.optimizer.param_groups:
            group["lr"] = config.learning_rate * config.learning_rate_decay(self.steps)
        self.network.train()
        losses = []
        for i, one in enumerate(map(Batch._make, zip(*(field.unbind(0) for field in self.replay.at(rows))))):
            target = targets[i] if targets is not None else self._targets(self.network, one)
            loss, gradients = self._loss(self._inputs(one.observation), one.action, target)
            self.descent.descend(loss, gradients=gradients)
            losses.append(loss.detach())
        self.network.eval()
        return {"loss": torch.stack(losses).mean()}

    def _frozen_targets(self, network: nn.Module, rows: Tensor) -> Tensor:
        """The targets of rows [U, B] of the replay, [U, B]."""
        if self.device.type != "cpu":  # to find out how many rows differ would mean to wait for the device
            return self._targets(network, self.replay.at(rows.flatten())).view(rows.shape)
        once, where = rows.unique(return_inverse=True)  # a row that was drawn twice has the same target twice
        return self._targets(network, self.replay.at(once))[where]

    def _loss(self, observation: Tensor, action: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor] | None]:
        """The mean over a batch [B], and its gradient where that is written out."""
        loss, loss_slope = (huber, huber_slope) if self.config.huber else (half_square, half_square_slope)
        if self.plain is None:
            return loss(action_error(self.network(observation), action, target)).mean(), None
        with torch.no_grad():
            *_, q = passed = self.plain.forward(observation)
            error = action_error(q, action, target)
            slope = torch.zeros_like(q).scatter_(-1, action[:, None], (loss_slope(error) / -len(error))[:, None])
            return loss(error).mean(), [self.plain.gradient(passed, slope)]

    def _copy_target(self) -> None:
        if self.target_network is not None and self.copied_at != self.descent.updates:
            self.copied_at = self.descent.updates
            for frozen, learnt in zip(self.target_network.state_dict().values(), self.network.state_dict().values()):
                frozen.copy_(learnt)

    def _targets(self, network: nn.Module, batch: Batch) -> Tensor:
        """What each transition says its action is worth: fields [B] -> [B]."""
        reward, clip = batch.reward, self.config.reward_clip
        if clip is not None:
            reward = reward.clamp(-clip, clip)
        with torch.no_grad():
            next_q = torch.cat([network(self._inputs(part)) for part in batch.next_observation.split(_CACHED_ROWS)])
        return q_learning_target(reward, self.config.discount * batch.discount, next_q)

    def probe_case(self, observations: np.ndarray, seeds: Seeds) -> Case:
        """The network, to learn random values in [-1, 1] of all actions: observations [B, ...], half squared error."""
        inputs = self._inputs(torch.from_numpy(observations))
        shape = (len(inputs), self.num_actions)
        values = 2 * torch.rand(shape, generator=seeds.generator("values", self.device), device=self.device) - 1

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            return half_square(network(inputs) - values).mean()

        return Case(self.network, inputs, loss)

    # ---- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Everything that is needed to go on exactly; the tensors are those in use."""
        return {
            "steps": self.steps,
            "copied_at": self.copied_at,
            "network": self.network.state_dict(),
            "target_network": None if self.target_network is None else self.target_network.state_dict(),
            "descent": self.descent.state_dict(),
            "replay": self.replay.state_dict(),
            "exploration": self.exploration.bit_generator.state,
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        self.steps, self.copied_at = state["steps"], state["copied_at"]
        self.network.load_state_dict(state["network"])
        if self.target_network is not None:
            self.target_network.load_state_dict(state["target_network"])
        self.descent.load_state_dict(state["descent"])
        self.replay.load_state_dict(state["replay"])
        self.exploration.bit_generator.state = state["exploration"]


def dqn_in(
    name: str,
    config: DQNConfig,
    seeds: Seeds,
    *,
    num_environments: int = 1,
    evaluation: EvaluationConfig,
    device: torch.device | str = "cpu",
) -> Interaction:
    """A DQN in any gymnasium environment that counts its actions."""
    environments = Environments(name, num_environments, seeds.child("environments"))
    agent = DQN(
        config,
        environments.observation_shape,
        environments.num_actions,
        seeds.child("agent"),
        observation_dtype=environments.observation_dtype,
        device=device,
    )
    return Interaction(agent, environments, seeds, evaluation)


def example(observation_shape: tuple[int, ...], num_actions: int, discount: float, seeds: Seeds) -> DQN:
    """A small one that learns a small problem in a few thousand steps; the contract tests run it."""
    config = DQNConfig(
        backbone=MLPConfig(widths=(32,)),
        discount=discount,
        learning_rate=3e-3,
        learning_rate_decay=constant(1.0),
        exploration=constant(0.5),
        learn_after=100,
        train_every=16,
        updates=8,
        batch_size=32,
        replay_capacity=2_000,
        copy_target_every=32,
    )
    return DQN(config, observation_shape, num_actions, seeds)
