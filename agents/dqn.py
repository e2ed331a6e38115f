"""DQN: Q-learning with a deep network, experience replay and a frozen target network; and Rainbow's parts as switches.

Source: Mnih et al. 2015, "Human-level control through deep reinforcement learning", https://doi.org/10.1038/nature14236;
Hessel et al. 2018, "Rainbow: combining improvements in deep reinforcement learning", https://arxiv.org/abs/1710.02298.
Each part is a switch of DQNConfig, so that it can be taken away and missed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from agents.agent import Transition, check_observations
from agents.backpropagation import PlainNetwork, is_plain
from agents.distributional import categorical_target, even_support, expected_values
from agents.dqn_config import EXAMPLE_DQN, EXAMPLE_RAINBOW, DQNConfig
from agents.losses import (
    action_error,
    double_q_learning_target,
    half_square,
    half_square_slope,
    huber,
    huber_slope,
    q_learning_target,
)
from agents.network_pair import NetworkPair
from agents.noisy import resample
from agents.passes import Passes
from agents.popart import PopArt
from agents.probing import learning_random_values
from agents.q_network import QNetwork
from agents.replay import Batch, Replay
from lab.backbones import Backbone
from lab.optim import Descent
from lab.precision import warn_if_imitated
from lab.probe import Case
from lab.recording import Graphed, on_its_way
from lab.seeding import Seeds, take_up
from lab.transfer import shares, transferred
from lab.trial import Metrics, State

log = logging.getLogger("lab")


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
        reward_dtype: np.dtype | type = np.float32,
        stack: int = 1,
        device: torch.device | str = "cpu",
        written_out: bool = True,
    ):
        """With `written_out`, gradients come from agents.backpropagation where that can, otherwise from autograd.

        observation_dtype uint8 means pixels, which the networks see scaled to [0, 1]. reward_dtype is an integer where
        the environment's rewards are whole numbers. stack is the number of frames that lie along axis 0 of an
        observation, each of which the replay keeps once.
        """
        self.config, self.num_actions, self.device = config, num_actions, torch.device(device)
        self.observation_dtype = np.dtype(observation_dtype)
        network = _network(config, observation_shape, num_actions, seeds)
        self.passes = Passes(config, network, self.device)
        network = network.to(self.device).to(memory_format=self.passes.memory_format)  # type: ignore[call-overload]
        self.networks = NetworkPair(network, frozen=config.frozen_target, bfloat16=config.bfloat16)
        if config.bfloat16:
            warn_if_imitated(self.device)
        self.plain = self._written_out() if written_out else None
        self.descent = Descent(
            self.network.parameters() if self.plain is None else [self.plain.vector],
            config.optimizer_config(),
            shares=shares(self.network),
            capturable=self.device.type == "cuda",
        )
        self.support = even_support(*config.value_range, config.atoms, self.device)
        self.popart = PopArt(config.popart_settings, device=self.device) if config.popart else None
        self.replay = Replay(
            config.replay_capacity,
            observation_shape,
            observation_dtype,
            num_actions,
            seeds,
            stack=stack,
            steps=config.n_step,
            discount=config.discount,
            reward_dtype=config.kept_reward_dtype(reward_dtype),
            priorities=config.priorities if config.prioritised else None,
            device=self.device,
        )
        self.exploration = seeds.numpy("exploration")
        self.noise = seeds.generator("noise", self.device)
        self._learning, self._choosing, self._choosing_noisily = (
            Graphed(function, self.device, generators=(self.noise,))
            for function in (self._learn_from, self._greedy, self._greedy_by_noise)
        )
        self.steps = 0  # environment steps learnt from
        self.copied_at = 0  # number of the update since which the target network is frozen

    @property
    def network(self) -> QNetwork:
        """The one that learns."""
        return self.networks.network

    @property
    def backbone(self) -> Backbone:
        """What it learnt to see, below the values."""
        return self.network.backbone

    @property
    def target_network(self) -> QNetwork | None:
        """The frozen one, which targets come from."""
        return self.networks.frozen

    # ---- acting -----------------------------------------------------------------------------------------------------

    def act(self, observations: np.ndarray, explore: bool) -> np.ndarray:
        """The action of highest value for each environment, or with `explore` each by its own chance a random one."""
        return self.ask(observations, explore)()

    def ask(self, observations: np.ndarray, explore: bool) -> Callable[[], np.ndarray]:
        """As `act`, without waiting: the call of what is returned gives the actions."""
        num = len(observations)
        if not explore:
            return self._best(observations)
        by_chance = self.exploration.random(num) < self.config.exploration(self.steps)
        chosen = self.exploration.integers(self.num_actions, size=num)
        if by_chance.all():
            return lambda: chosen
        best = self._best(observations, noisy=self.config.noisy)
        return lambda: np.where(by_chance, chosen, best())

    @property
    def runs_ahead(self) -> bool:
        """Whether `ask` and `learn` return before a device has done what they gave it to do."""
        return self.device.type == "cuda"

    @torch.inference_mode()
    def _best(self, observations: np.ndarray, noisy: bool = False) -> Callable[[], np.ndarray]:
        choosing = self._choosing_noisily if noisy else self._choosing
        return on_its_way(choosing(self._inputs(observations))[0])

    def _greedy(self, observations: Tensor) -> tuple[Tensor]:
        return (self._q(observations).argmax(-1),)

    def _greedy_by_noise(self, observations: Tensor) -> tuple[Tensor]:
        return (self._q(observations, noisy=True).argmax(-1),)

    @torch.inference_mode()
    def values(self, observations: np.ndarray) -> np.ndarray:
        """Expected discounted return of each action: [N, ...] -> [N, A]."""
        q = self._q(self._inputs(observations))
        return (q if self.popart is None else self.popart.unnormalise(q)).cpu().numpy()

    def _inputs(self, observations: np.ndarray) -> Tensor:
        check_observations(observations, self.network.backbone.input_shape, self.observation_dtype)
        return torch.from_numpy(observations)

    def _q(self, inputs: Tensor, noisy: bool = False) -> Tensor:
        """What the network makes of each action: [N, ...] -> [N, A] float32, as normalised as its targets are."""
        if self.plain is not None:
            return self.plain.forward(self.passes.inputs(inputs))[-1]
        if noisy:
            resample(self.networks.computing, self.noise)
        outputs = self.passes.act(self.networks.computing, inputs, noisy)
        return expected_values(outputs, self.support) if self.config.distributional else outputs

    # ---- learning ---------------------------------------------------------------------------------------------------

    def learn(self, transition: Transition) -> Metrics:
        """Remembers the transition; when due, trains a block of updates and copies the target network."""
        config, before = self.config, self.steps
        if config.reward_clip is not None:
            reward = transition.reward.clip(-config.reward_clip, config.reward_clip)
            transition = replace(transition, reward=reward)
        self.replay.add(transition)
        self.steps += len(transition.reward)
        metrics: Metrics = {}
        # Several environments may step over more than one period at once; updates an environment step stay the same.
        blocks = self.steps // config.train_every - before // config.train_every
        if blocks and self.steps >= config.learn_after and len(self.replay):
            metrics = self._train(blocks)
        if self.steps // config.copy_target_every > before // config.copy_target_every:
            self._copy_target()
        return metrics

    def _train(self, blocks: int) -> Metrics:
        """One or more blocks of updates.

        Meanwhile neither the replay nor the frozen target changes, so all batches are drawn, and all that the frozen
        target network says, computed, at once: the same numbers as one by one, in a fraction of the calls. Of several
        updates in a block the later ones so use the priorities, and a noisy target network's noise, of its beginning.
        """
        config, updates = self.config, blocks * self.config.updates
        if config.experience_replay:
            rows = self.replay.draw(updates * config.batch_size).view(updates, -1)
        else:
            rows = self.replay.newest(blocks * config.train_every).expand(updates, -1)
        weights = self._importance(rows)
        self.replay.tell()
        rate = config.learning_rate * config.learning_rate_decay(self.steps)
        self.descent.set_learning_rate(rate)
        done = self.descent.updates
        loss, value = self._learning(rows) if weights is None else self._learning(rows, weights)
        self.descent.counted(done + len(rows))
        return {"loss": loss, "value": value, "exploration": config.exploration(self.steps), "learning_rate": rate}

    def _learn_from(self, rows: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Updates from rows [U, B] of the replay: their mean loss, and the mean value in the last one's targets."""
        batches = self.replay.at(rows)
        twin = self.networks.computing_frozen
        frozen = None if twin is None else self._frozen_outputs(twin, rows, batches)
        losses: list[Tensor] = []
        for i, batch in enumerate(map(Batch._make, zip(*(field.unbind(0) for field in batches)))):
            following, importance = (None if each is None else each[i] for each in (frozen, weights))
            target = self._target(batch, following)
            loss, errors = self._update(batch, target, importance)
            losses.append(loss)
            if self.config.prioritised:
                self.replay.prioritise(rows[i], errors)
        # The value is of the last update: of all, it would be felt where they are small.
        return torch.stack(losses).mean(), self._true_mean(target)

    def _true_mean(self, target: Tensor) -> Tensor:
        """The mean, in true units, of what transitions say their actions are worth: [B] or shares of returns [B, K]."""
        if self.config.distributional:
            target = (target * self.support).sum(-1)
        return (target if self.popart is None else self.popart.unnormalise(target)).mean()

    def _importance(self, rows: Tensor) -> Tensor | None:
        """The weights [U, B] that make up for drawing by priority."""
        if not self.config.prioritised:
            return None
        return self.replay.weights(rows, self.config.priorities.importance(self.steps))

    def _frozen_outputs(self, network: QNetwork, rows: Tensor, batches: Batch) -> Tensor:
        """What the target network says of where each of the rows [U, B] led: [U, B, A], or [U, B, A, atoms]."""
        if self.config.noisy:
            resample(network, self.noise)
        if len(rows) == 1 or self.device.type != "cpu" or self.config.compiled:
            # To find out how many rows differ would mean to wait for a device, or to compile for every number.
            following = batches.next_observation.flatten(0, 1)
            return self._outputs(network, following).unflatten(0, rows.shape)
        once, where = rows.unique(return_inverse=True)  # a row that was drawn twice leads to the same place twice
        return self._outputs(network, self.replay.at(once).next_observation)[where]

    def _outputs(self, network: QNetwork, observations: Tensor) -> Tensor:
        """What a network makes of each action, without gradient: values in true units [n, A], or logits [n, A, K]."""
        outputs = self.passes.outputs(network, observations)
        return outputs if self.popart is None else self.popart.unnormalise(outputs)

    def _update(self, batch: Batch, target: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """One update from transitions [B]; returns its loss and what each transition's new priority follows, [B]."""
        online = self.networks.computing
        if self.plain is not None:
            return self._update_written_out(self.plain, batch, target, weights)
        loss, errors = self.passes.loss(online, batch.observation, batch.action, target, weights)
        self.descent.descend(loss, gradients=self.networks.gradients(loss))
        self.networks.learnt()
        return loss.detach().clone(), errors

    @torch.no_grad()
    def _update_written_out(
        self, plain: PlainNetwork, batch: Batch, target: Tensor, weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The same for a plain network of linear layers, in half the time."""
        loss, loss_slope = (huber, huber_slope) if self.config.huber else (half_square, half_square_slope)
        *_, q = passed = plain.forward(self.passes.inputs(batch.observation))
        errors = action_error(q, batch.action, target)
        losses, slopes = loss(errors), loss_slope(errors)
        if weights is not None:
            losses, slopes = losses * weights, slopes * weights
        slope = torch.zeros_like(q).scatter_(-1, batch.action[:, None], (slopes / -len(errors))[:, None])
        mean = losses.mean()
        self.descent.descend(mean, gradients=[plain.gradient(passed, slope)])
        return mean, errors

    @torch.no_grad()
    def _target(self, batch: Batch, frozen: Tensor | None) -> Tensor:
        """What each transition says its action is worth, [B] or, as shares of returns, [B, K].

        `frozen` is what the target network says of the next observations, if there is one.
        """
        if self.config.noisy:
            resample(self.networks.computing, self.noise)  # for the whole update
        reward, discount, following = batch.reward, batch.discount, batch.next_observation
        valuing = self._outputs(self.networks.computing, following) if frozen is None else frozen
        choosing = (
            self._outputs(self.networks.computing, following) if self.config.double and frozen is not None else valuing
        )
        if self.config.distributional:
            return categorical_target(reward, discount, valuing, self.support, choosing)
        if choosing is valuing:
            target = q_learning_target(reward, discount, valuing)
        else:
            target = double_q_learning_target(reward, discount, choosing, valuing)
        return target if self.popart is None else self._normalised(self.popart, target)

    def _normalised(self, popart: PopArt, target: Tensor) -> Tensor:
        """Normalises targets by statistics that count them in; the networks' last layers make up for the change."""
        popart.update(target, *self.networks.all())
        self.networks.changed()
        return popart.normalise(target)

    def _copy_target(self) -> None:
        if self.copied_at != self.descent.updates:
            self.copied_at = self.descent.updates
            self.networks.freeze()

    def _written_out(self) -> PlainNetwork | None:
        """The network as agents.backpropagation takes it, if it is of that kind."""
        network, config = self.network, self.config
        plain_head = isinstance(network.head, nn.Linear) and not config.distributional
        if not plain_head or not is_plain(network.backbone) or config.bfloat16 or config.popart:
            return None
        return PlainNetwork([module for module in network.modules() if isinstance(module, nn.Linear)])

    def probe_case(self, observations: np.ndarray, seeds: Seeds) -> Case:
        """The network with these observations [B, ...]: see `agents.probing.learning_random_values`."""
        inputs = self.passes.inputs(torch.from_numpy(observations)).float()
        return learning_random_values(self.network, inputs, seeds)

    # ---- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Everything that is needed to go on exactly; the tensors are those in use."""
        return {
            "steps": self.steps,
            "copied_at": self.copied_at,
            "networks": self.networks.state_dict(),
            "descent": self.descent.state_dict(),
            "popart": None if self.popart is None else self.popart.state_dict(),
            "replay": self.replay.state_dict(),
            "exploration": self.exploration.bit_generator.state,
            "noise": self.noise.get_state(),
        }

    def load_for_viewing(self, state: State) -> None:
        """Takes up what acting without exploration and `values` need."""
        self.steps = state["steps"]
        self.networks.load_state_dict(state["networks"])
        if self.popart is not None:
            self.popart.load_state_dict(state["popart"])

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        self.load_for_viewing(state)
        self.copied_at = state["copied_at"]
        self.descent.load_state_dict(state["descent"])
        self.replay.load_state_dict(state["replay"])
        for recorded in (self._learning, self._choosing, self._choosing_noisily):
            recorded.forget()  # moments and the replay's columns may lie elsewhere now
        self.exploration.bit_generator.state = state["exploration"]
        take_up(self.noise, state["noise"])


def _network(config: DQNConfig, observation_shape: tuple[int, ...], num_actions: int, seeds: Seeds) -> QNetwork:
    """Begun as the settings say; raises ValueError for batch norm that would learn."""
    with seeds.initialising("q_network"):
        network = QNetwork(
            transferred(config.backbone.build(observation_shape), config.transfer, seeds),
            num_actions,
            hidden=config.hidden,
            duelling=config.duelling,
            atoms=config.atoms if config.distributional else None,
            noisy=config.noise if config.noisy else None,
        )
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    if any(norm.weight.requires_grad for norm in norms):
        raise ValueError(
            "The backbone has batch norm, whose statistics are of replayed transitions in learning and of others in "
            "acting, and which a frozen network has no use for. Set batch_norm to False, or leave it as another run "
            "taught it: --from RUN --agent.transfer.frozen True."
        )
    return network


def example(observation_shape: tuple[int, ...], num_actions: int, discount: float, seeds: Seeds) -> DQN:
    """A small one that learns a small problem in a few thousand steps; the contract tests run it."""
    return DQN(replace(EXAMPLE_DQN, discount=discount), observation_shape, num_actions, seeds)


def example_rainbow(observation_shape: tuple[int, ...], num_actions: int, discount: float, seeds: Seeds) -> DQN:
    """The same with all of Rainbow's parts."""
    return DQN(replace(EXAMPLE_RAINBOW, discount=discount), observation_shape, num_actions, seeds)
