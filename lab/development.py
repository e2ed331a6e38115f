"""Development: training examples that are kept to choose settings by, so that no test set has to."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.ranges import check_share


@dataclass(frozen=True, kw_only=True)
class Development:
    """A setting for configs of experiments that have no development part of their own; `lab search` knows it."""

    development_share: float = field(default=0.0, metadata={"later": True})
    """Share of the training examples that are not trained on but judged on as `dev`: choose settings by those."""

    def __post_init__(self) -> None:
        """Raises ValueError if nothing would be left to train on."""
        check_share(self, "development_share", whole=False)
