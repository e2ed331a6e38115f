"""When a run logs and judges: every so many steps, or at the very steps at which another run did that it repeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lab.store import RunDirectory, read_json, write_json

if TYPE_CHECKING:
    from lab.run import RunConfig

FILE = "moments.json"


class Cadence(Protocol):
    """What is due once a run has gone from one step to a later one."""

    def due(self, before: int, after: int) -> tuple[bool, bool]:
        """Whether a row is to be logged, and whether the trial is to be judged for it.

        The end of a run is no matter of cadence: there, both always are.
        """


@dataclass(frozen=True)
class Every:
    """As often as a config says."""

    config: RunConfig

    def due(self, before: int, after: int) -> tuple[bool, bool]:
        judge = crossed(before, after, self.config.evaluate_every)
        return judge or crossed(before, after, self.config.log_every), judge


@dataclass(frozen=True)
class Moments:
    """The steps at which a run logged and was judged, whatever its config said in each of its attempts.

    A budget that was spent and then raised ended in a row of its own, and a row holds means since the one before.
    """

    logged: frozenset[int]
    judged: frozenset[int]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Moments:
        """Those of a run's rows."""
        rows = list(rows)
        judged = (row["step"] for row in rows if any(key.startswith("eval/") for key in row))
        return cls(frozenset(row["step"] for row in rows), frozenset(judged))

    def due(self, before: int, after: int) -> tuple[bool, bool]:
        return after in self.logged, after in self.judged


def crossed(before: int, after: int, period: int) -> bool:
    """Whether a multiple of the period lies in (before, after]; of a period of 0 none does."""
    return period > 0 and before // period != after // period


def give(directory: RunDirectory, moments: Moments) -> None:
    """Lets a run that is to repeat another log and judge when that one did."""
    write_json(directory.path / FILE, {name: sorted(steps) for name, steps in asdict(moments).items()})


def cadence_of(directory: RunDirectory, config: RunConfig) -> Cadence:
    """Of the run in a directory. Raises RunError where what it was given is damaged."""
    path = directory.path / FILE
    if not path.exists():
        return Every(config)
    return Moments(**{name: frozenset(steps) for name, steps in read_json(path).items()})
