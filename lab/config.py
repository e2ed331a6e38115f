"""Frozen dataclasses as settings: to JSON and back, changed by dotted names, compared, and hashed to an address."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from dataclasses import replace as replace_fields
from functools import cache
from hashlib import sha256
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from lab.names import did_you_mean

C = TypeVar("C")


class ConfigError(ValueError):
    """A setting that does not exist, or a value that does not fit it."""


def to_json(config: Any, *, whole: bool = True) -> Any:
    """A config as plain JSON values: dataclasses become objects, tuples lists, inf and nan text.

    Unless it is to be `whole`, fields are left out that tell no runs apart. Their metadata says `{"place": True}`:
    where a file lies, not what is in it; or `{"later": True}`: a setting that was added when there were runs already,
    which are as it is by default, and then it is left out.
    """
    if is_dataclass(config):
        kept = [field.name for field in fields(config) if whole or _tells_apart(field, getattr(config, field.name))]
        return {name: to_json(getattr(config, name), whole=whole) for name in kept}
    if isinstance(config, tuple | list):
        return [to_json(value, whole=whole) for value in config]
    if isinstance(config, float) and not math.isfinite(config):
        return str(config)  # JSON has no word for it
    if config is None or isinstance(config, bool | int | float | str):
        return config
    raise TypeError(
        f"A setting holds {config!r} of type {type(config).__name__}, which JSON cannot say. "
        "Settings are numbers, text, booleans, None, tuples and frozen dataclasses."
    )


def portable(config: Any) -> Any:
    """As `to_json`, but with no folder of this machine: of a place where a file lies only the file's name is told."""
    told = to_json(config)
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            told[field.name] = portable(value)
        elif field.metadata.get("place"):
            told[field.name] = PurePath(value).name
    return told


def from_json(type_: type[C], value: Any, name: str = "") -> C:
    """The config of type `type_` that `to_json` made `value` from.

    Settings that `value` leaves out keep their defaults. Raises ConfigError, naming the setting, for a name
    that does not exist and for a value of another type.
    """
    return _parse(type_, value, name)


def replace(config: C, changes: Mapping[str, Any]) -> C:
    """Copies `config` with some settings changed, by dotted name: `{"agent.learning_rate": 1e-4}`."""
    for dotted, value in changes.items():
        config = _replace_one(config, dotted.split("."), value, dotted)
    return config


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name, in the order of declaration. Takes a config or its JSON."""
    tree = to_json(config) if is_dataclass(config) else config
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def differences(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """The settings in which two configs (or their JSON) differ: dotted name -> (in one, in the other)."""
    left, right = flatten(one), flatten(other)
    names = [*left, *(name for name in right if name not in left)]
    return {n: (left.get(n), right.get(n)) for n in names if left.get(n) != right.get(n)}


def address(experiment: str, config: Any) -> str:
    """Ten hex digits that name everything which shapes the trajectory.

    All settings count but those under `run`: budget, cadence, tracking and machine decide when to look and
    where to compute, not what is learnt, so that raising `--run.steps` goes on in the same directory; but the
    places where files lie, of which the config holds a digest; and but later settings at their defaults.
    """
    typed = from_json(type(config), to_json(config))  # a 1 given for a number such as 1.0 is the same setting
    settings = {key: value for key, value in to_json(typed, whole=False).items() if key != "run"}
    text = json.dumps({"experiment": experiment, "config": settings}, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:10]


def _tells_apart(field: Field[Any], value: Any) -> bool:
    """Whether a field's value counts in an address."""
    return not field.metadata.get("place") and not (field.metadata.get("later") and value == field.default)


@cache
def _hints(type_: Any) -> dict[str, Any]:
    return get_type_hints(type_)


def _replace_one(config: Any, path: list[str], value: Any, dotted: str) -> Any:
    head, *rest = path
    known = {field.name for field in fields(config)} if is_dataclass(config) else set()
    if head not in known:
        raise ConfigError(
            f"{dotted!r} names no setting: {type(config).__name__} has no {head!r}. {did_you_mean(head, known)}"
        )
    if rest:
        value = _replace_one(getattr(config, head), rest, value, dotted)
    elif not is_dataclass(value):
        value = _parse(_hints(config.__class__)[head], to_json(value), dotted)
    return replace_fields(config, **{head: value})


def _parse(type_: Any, value: Any, name: str) -> Any:
    origin = get_origin(type_)
    if is_dataclass(type_):
        return _parse_dataclass(type_, value, name)
    if origin in (Union, types.UnionType):
        return _parse_union(get_args(type_), value, name)
    if origin is Literal:
        if value in get_args(type_):
            return value
        choices = [str(choice) for choice in get_args(type_)]
        raise ConfigError(f"{name} is {value!r}, which is none of its values. {did_you_mean(str(value), choices)}")
    if origin is tuple and isinstance(value, list | tuple):
        return _parse_tuple(get_args(type_), value, name)
    if type_ is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type_ is float and value in ("inf", "-inf", "nan"):
        return float(value)
    if type_ in (bool, int, str, type(None)) and type(value) is type_:
        return value
    if type_ is type(None) and value is None:
        return None
    raise ConfigError(f"{name} is {value!r}, but it must be {_said(type_)}.")


def _parse_dataclass(type_: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ConfigError(
            f"{name or 'The config'} is {value!r}, but it must be an object of {type_.__name__}'s settings."
        )
    known = {field.name for field in fields(type_)}
    prefix = f"{name}." if name else ""
    for key in value:
        if key not in known:
            raise ConfigError(
                f"'{prefix}{key}' names no setting: {type_.__name__} has no {key!r}. {did_you_mean(key, known)}"
            )
    hints: dict[str, Any] = _hints(type_)
    return type_(**{key: _parse(hints[key], item, prefix + key) for key, item in value.items()})


def _parse_union(types_: tuple[Any, ...], value: Any, name: str) -> Any:
    # An exact match first, so that `int | float` keeps 3 an int and `float | None` reads 3 as 3.0.
    for candidate in types_:
        if type(value) is candidate:
            return value
    objects = [candidate for candidate in types_ if is_dataclass(candidate)]
    if isinstance(value, dict) and objects:
        # Of several the one that knows most of the settings; what is wrong in it is then said in its own words.
        known = [len(value.keys() & {field.name for field in fields(candidate)}) for candidate in objects]
        return _parse(objects[known.index(max(known))], value, name)
    for candidate in types_:
        try:
            return _parse(candidate, value, name)
        except ConfigError:
            continue
    raise ConfigError(f"{name} is {value!r}, but it must be {' or '.join(_said(t) for t in types_)}.")


def _parse_tuple(types_: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    if len(types_) == 2 and types_[1] is Ellipsis:
        return tuple(_parse(types_[0], item, f"{name}[{i}]") for i, item in enumerate(value))
    if len(types_) != len(value):
        raise ConfigError(f"{name} holds {len(value)} values, but it must hold {len(types_)}.")
    return tuple(_parse(t, item, f"{name}[{i}]") for i, (t, item) in enumerate(zip(types_, value)))


def _said(type_: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "none"}
    if is_dataclass(type_) and isinstance(type_, type):
        return type_.__name__
    if get_origin(type_) is tuple:
        return f"a list, each {_said(get_args(type_)[0])}"
    return words.get(type_, str(type_).replace("typing.", ""))
