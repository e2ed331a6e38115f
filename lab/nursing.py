"""Nursing: a live run whose settings are changed by hand, each change recorded so that the run can be repeated exactly.

The settings at a step are those of config.json and, over them, all interventions up to that step. A change is taken
between two steps by the way of resuming: the state is saved, the trial built anew from the changed settings and the
same seeds, and the state taken up. So whatever was shown to resume exactly can be nursed.
"""

from __future__ import annotations

import ast
import logging
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from lab import parallel
from lab.config import ConfigError, flatten, replace
from lab.experiment import Experiment
from lab.interventions import Answer, Intervention, Request, answer, interventions, record, waiting
from lab.names import did_you_mean
from lab.seeding import Seeds
from lab.store import RunDirectory, RunError
from lab.trial import Trial

log = logging.getLogger("lab")
LOOK_EVERY = 0.5  # seconds between two looks for requests
LONGEST = 300  # characters of an error that a refusal gives as its reason
_WORDS = {"true": True, "false": False, "none": None}


class Nursing:
    """The trial of a run directory, as the settings there and the interventions say; takes what is asked meanwhile."""

    def __init__(self, directory: RunDirectory, experiment: Experiment, config: Any, seeds: Seeds):
        """`config` is that of config.json. Raises RunError where the interventions cannot be read."""
        self.directory, self.experiment, self.config, self.seeds = directory, experiment, config, seeds
        self.taken = interventions(directory)
        if self.taken and parallel.size() > 1:
            raise RunError(
                f"{directory.path} was nursed, and a run that was nursed is trained on one device alone. Go on with "
                "--devices 1."
            )
        self._begun = 0  # the step that the present trial goes on from
        self._holding = 0  # how many of them it has
        self._tried: Intervention | None = None  # what the present trial has besides
        self._look_at = 0.0  # by time.monotonic
        self._ahead: tuple[Any, Trial] | None = None  # a trial that nobody has asked for yet, and its config
        self._present: weakref.ref[Trial] | None = None  # weak, so that a trial can be freed for the next one

    def unit(self, step: int) -> str:
        """The unit of the trial, which is built for that, as it is at a step: most likely the one asked for next."""
        trial = self.trial(step)
        self._ahead = (self._config_at(step), trial)
        return trial.unit

    @property
    def steps(self) -> int | None:
        """How far the present trial is, if there is one."""
        trial = self._present() if self._present is not None else None
        return trial.steps if trial is not None else None

    def trial(self, step: int) -> Trial:
        """The trial as it is from a step on. Raises whatever building it raises."""
        self._begin(step)
        config = self._config_at(step)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == config:
            trial = ahead[1]
        else:
            del ahead
            trial = built(self.experiment, config, self.seeds)
        self._present = weakref.ref(trial)
        return trial

    def _begin(self, step: int) -> None:
        self._begun, self._holding = step, sum(each.step <= step for each in self.taken)

    def due(self, step: int) -> bool:
        """Whether an intervention holds from here on: a recorded one, or one that is asked for just now."""
        if self._holding < len(self.taken):  # nothing is taken before what was taken after it
            return self.taken[self._holding].step <= step
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_EVERY
        return self._asked(step)

    def took(self) -> None:
        """Records what was tried. Raises RunError if the disk does not take it; the request then stays."""
        tried = self._tried
        if tried is None:
            return
        record(self.directory, [*self.taken, tried])
        self.taken.append(tried)
        self._tried = None
        self._begin(self._begun)  # where the newest checkpoint was torn, that is a step before it holds
        answer(self.directory, tried, Answer(state="taken", step=tried.step))
        log.info("%s: from step %s on %s.", self.directory.path, tried.step, tried.said)
        self._look_at = 0.0  # others may wait

    def refuse(self, error: Exception) -> None:
        """Answers that what was tried cannot be. Raises the error where it is recorded, and so could be once."""
        tried, self._tried = self._tried, None
        if tried is None:
            raise error
        said = " ".join(str(error).split())  # torch lists each tensor that does not fit
        said = said if len(said) <= LONGEST else said[:LONGEST] + " ..."
        self._refuse(tried, tried.step, f"so changed it cannot go on from here ({type(error).__name__}: {said})")
        self._look_at = 0.0

    def over(self, step: int) -> None:
        """The run has finished: what still waits is refused."""
        for request in waiting(self.directory):
            if not self._known(request):
                self._refuse(request, step, f"the run finished at step {step:,} before it could take this")

    def _asked(self, step: int) -> bool:
        for request in waiting(self.directory):
            if self._known(request):
                continue
            if parallel.size() > 1:
                self._refuse(request, step, "a run on several devices is not nursed: launch it with --devices 1")
                continue
            try:
                changed(self._config_at(step), request.settings)
            except (ConfigError, ValueError, TypeError) as error:  # it disturbs nothing but this look
                self._refuse(request, step, str(error))
                continue
            self._tried = Intervention(
                step=step, settings=request.settings, why=request.why, when=request.when, id=request.id
            )
            return True
        return False

    def _known(self, request: Request) -> bool:
        """Whether a request was taken before a kill could have it answered; answers it then."""
        for each in self.taken:
            if each.id == request.id:
                answer(self.directory, request, Answer(state="taken", step=each.step))
                return True
        return False

    def _refuse(self, request: Request | Intervention, step: int, why: str) -> None:
        answer(self.directory, request, Answer(state="refused", step=step, why=why))
        log.warning("%s: refused at step %s to have %s: %s", self.directory.path, step, dict(request.settings), why)

    def _config_at(self, step: int) -> Any:
        return config_at(self.config, [*self.taken, *([self._tried] if self._tried is not None else [])], step)


def built(experiment: Experiment, config: Any, seeds: Seeds) -> Trial:
    """The trial. Raises ValueError where the processes that train together cannot share it."""
    trial = experiment.make(config, seeds)
    parallel.check_divisible(trial, parallel.size())
    return trial


def config_at(config: Any, taken: Iterable[Intervention], step: int) -> Any:
    """The config as the interventions up to a step left it. Raises ConfigError where one does not fit it any more."""
    for each in taken:
        if each.step <= step:
            config = changed(config, each.settings)
    return config


def changed(config: Any, settings: Mapping[str, Any]) -> Any:
    """A config with settings changed by dotted name. Raises ConfigError for a setting that cannot be nursed."""
    for name in settings:
        if name.split(".")[0] == "run":
            raise ConfigError(
                f"{name} decides when to look and where to compute, not what is learnt, so it is not nursed. Stop the "
                f"run and launch it again with --{name.replace('_', '-')}: it goes on where it stopped."
            )
    return replace(config, settings)


def parsed(config: Any, texts: Iterable[str]) -> dict[str, Any]:
    """The settings that `SETTING=VALUE ...` say, as JSON values of the config's types.

    Raises ConfigError for a setting that there is not or that cannot be nursed, and for a value that does not fit it.
    """
    known, found = flatten(config), dict[str, Any]()
    for text in texts:
        said, equals, value = text.partition("=")
        name = said.strip().removeprefix("--").replace("-", "_")
        if not equals or not name:
            raise ConfigError(f"{text!r} changes nothing. Write SETTING=VALUE, such as agent.learning-rate=1e-4.")
        if name in found:
            raise ConfigError(f"{said.strip()} is given twice. Give it one value.")
        if name not in known:
            raise ConfigError(f"{text}: there is no setting {said.strip()!r}. {did_you_mean(name, known)}")
        found[name] = _value(config, name, value.strip())
    return found


def _value(config: Any, name: str, text: str) -> Any:
    """What a text says for a setting: as Python would read it, or as it stands where only that fits."""
    try:
        read = _WORDS[text.lower()] if text.lower() in _WORDS else ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        read = text
    try:
        return flatten(changed(config, {name: read}))[name]
    except (ConfigError, TypeError):
        if read == text:
            raise
    return flatten(changed(config, {name: text}))[name]
