"""What learners of one network share: the state that they go on from."""

from __future__ import annotations

from torch import nn

from lab.optim import Descent
from lab.trial import State


class OneNetwork:
    """A learner of one network that one descent changes; all else that it holds is settings, or belongs to the data."""

    network: nn.Module
    descent: Descent

    def state_dict(self) -> State:
        """Weights, running statistics, optimiser."""
        return {"network": dict(self.network.state_dict()), "descent": self.descent.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.network.load_state_dict(state["network"])
        self.descent.load_state_dict(state["descent"])
