"""Did you mean."""

from __future__ import annotations

import pytest

from lab.names import did_you_mean


@pytest.mark.parametrize(
    ("wrong", "valid", "said"),
    [
        ("lerning_rate", ["learning_rate", "discount"], "Did you mean 'learning_rate'?"),
        ("learning-rate", ["learning_rate"], "Did you mean 'learning_rate'?"),
        ("DQN_CartPole", ["dqn_cartpole", "mlp_digits"], "Did you mean 'dqn_cartpole'?"),
        ("dqn_cart", ["dqn_cartpole", "dqn_acrobot"], "Did you mean 'dqn_cartpole' or 'dqn_acrobot'?"),
        ("zzz", ["b", "a"], "There are: a, b."),
        ("zzz", [], "There are none."),
    ],
)
def test_the_nearest_names_or_all(wrong: str, valid: list[str], said: str) -> None:
    assert did_you_mean(wrong, valid) == said
    assert did_you_mean(wrong, iter(valid)) == said
