"""Settings to JSON and back, changed by name, compared, and hashed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from lab import config as settings
from lab.config import ConfigError, address, differences, flatten, from_json, portable, to_json
from lab.run import RunConfig


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 1e-3
    kind: Literal["adam", "sgd"] = "adam"
    pairs: tuple[tuple[int, float], ...] = ((1, 0.5), (2, 0.25))


@dataclass(frozen=True, kw_only=True)
class Config:
    number: int = 3
    share: float = 0.5
    flag: bool = False
    text: str = "a b"
    nothing: float | None = None
    either: int | float = 3
    one_or_many: float | tuple[float, ...] = 0.0
    sizes: tuple[int, ...] = (4, 5)
    betas: tuple[float, float] = (0.9, 0.999)
    level: Literal[1, 2, 3] = 1
    maybe: Inner | None = None
    inner: Inner = field(default_factory=Inner)
    run: RunConfig = field(default_factory=lambda: RunConfig(steps=10, log_every=1, evaluate_every=1, save_every=1))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"number": -7},
        {"number": 10**30},
        {"share": 1e-300},
        {"share": 0.1 + 0.2},
        {"share": math.inf},
        {"share": -math.inf},
        {"flag": True},
        {"text": ""},
        {"text": 'ünicode "quoted"\n'},
        {"text": "inf"},
        {"nothing": 2.5},
        {"either": 2.5},
        {"one_or_many": (0.1, 0.2)},
        {"sizes": ()},
        {"betas": (0.0, 1.0)},
        {"level": 3},
        {"maybe": Inner(rate=2.0)},
        {"inner": Inner(kind="sgd", pairs=())},
    ],
    ids=str,
)
def test_every_kind_of_setting_survives_json(changes: dict[str, Any]) -> None:
    config = replace(Config(), **changes)
    text = json.dumps(to_json(config), allow_nan=False)
    back = from_json(Config, json.loads(text))
    assert back == config
    assert {name: type(value) for name, value in vars(back).items()} == {
        name: type(value) for name, value in vars(config).items()
    }


def test_nan_survives_json() -> None:
    assert math.isnan(from_json(Config, json.loads(json.dumps(to_json(Config(share=math.nan))))).share)


def test_what_json_leaves_out_keeps_its_default() -> None:
    assert from_json(Config, {"number": 9, "inner": {"rate": 1}}) == Config(number=9, inner=Inner(rate=1.0))


def test_a_value_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="type set, which JSON cannot say"):
        to_json(replace(Config(), text={1}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"numbr": 1}, "'numbr' names no setting: Config has no 'numbr'. Did you mean 'number'?"),
        ({"inner": {"rat": 1}}, "'inner.rat' names no setting: Inner has no 'rat'. Did you mean 'rate'?"),
        ({"inner": {"kind": "adm"}}, "inner.kind is 'adm', which is none of its values. Did you mean 'adam'?"),
        ({"maybe": {"kind": "sdg"}}, "maybe.kind is 'sdg', which is none of its values. Did you mean 'sgd'?"),
        ({"maybe": {"rat": 1}}, "'maybe.rat' names no setting: Inner has no 'rat'. Did you mean 'rate'?"),
        ({"maybe": 2}, "maybe is 2, but it must be Inner or none."),
        ({"level": 9}, "level is 9, which is none of its values. There are: 1, 2, 3."),
        ({"number": "3"}, "number is '3', but it must be a whole number."),
        ({"number": 3.0}, "number is 3.0, but it must be a whole number."),
        ({"number": True}, "number is True, but it must be a whole number."),
        ({"share": "much"}, "share is 'much', but it must be a number."),
        ({"share": True}, "share is True, but it must be a number."),
        ({"flag": 1}, "flag is 1, but it must be true or false."),
        ({"text": None}, "text is None, but it must be text."),
        ({"nothing": "x"}, "nothing is 'x', but it must be a number or none."),
        ({"sizes": [1, "2"]}, "sizes[1] is '2', but it must be a whole number."),
        ({"betas": [0.9]}, "betas holds 1 values, but it must hold 2."),
        ({"inner": {"pairs": [[1, 2, 3]]}}, "inner.pairs[0] holds 3 values, but it must hold 2."),
        ({"inner": 5}, "inner is 5, but it must be an object of Inner's settings."),
        (5, "The config is 5, but it must be an object of Config's settings."),
    ],
)
def test_wrong_json_names_the_setting_and_the_nearest_valid_one(tree: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_json(Config, tree)
    assert str(raised.value) == said


def test_changes_by_dotted_name() -> None:
    changed = settings.replace(Config(), {"inner.rate": 1, "sizes": [7], "run.steps": 99, "nothing": 3})
    assert changed == replace(
        Config(), inner=Inner(rate=1.0), sizes=(7,), nothing=3.0, run=replace(Config().run, steps=99)
    )
    assert type(changed.inner.rate) is float


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"iner.rate": 1}, "'iner.rate' names no setting: Config has no 'iner'. Did you mean 'inner'"),
        ({"inner.lerning-rate": 1}, "Inner has no 'lerning-rate'. Did you mean 'rate'?"),
        ({"number.x": 1}, "'number.x' names no setting: int has no 'x'."),
        ({"inner.rate": "fast"}, "inner.rate is 'fast', but it must be a number."),
        ({"run.steps": 0}, "run.steps is 0. It must be at least 1."),
        ({"run.keep": 1}, "run.keep is 1. It must be at least 2."),
        ({"run.minutes": 0.0}, "run.minutes is 0.0. It must be above 0"),
        ({"run.threads": 0}, "run.threads is 0. It must be at least 1"),
        ({"run.wandb": "ofline"}, "Did you mean 'offline'"),
    ],
)
def test_wrong_changes(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        settings.replace(Config(), changes)
    assert said in str(raised.value)


def test_flatten_and_differences() -> None:
    assert flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}}}) == {"a": 1, "b.c": 2, "b.d.e": 3}
    assert list(flatten(Config()))[:2] == ["number", "share"]
    other = replace(Config(), number=4, inner=Inner(rate=5.0))
    assert differences(Config(), other) == {"number": (3, 4), "inner.rate": (1e-3, 5.0)}
    assert differences(Config(), Config()) == {}
    assert differences({"a": 1}, {"b": 2}) == {"a": (1, None), "b": (None, 2)}


def other_value(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"adam": "sgd"}.get(value, value + "x")
    if isinstance(value, list):
        return [*value, value[-1]] if len(value) != 2 or not isinstance(value[0], float) else value[::-1]
    return value + 1


@pytest.mark.parametrize("name", [name for name in flatten(Config()) if not name.startswith("run.")])
def test_the_address_depends_on_every_setting(name: str) -> None:
    others = {"nothing": 2.0, "maybe": Inner()}
    changed = settings.replace(Config(), {name: others.get(name) or other_value(flatten(Config())[name])})
    assert changed != Config()
    assert address("e", changed) != address("e", Config())


def test_the_address_does_not_depend_on_run_but_on_the_experiment() -> None:
    run = RunConfig(
        steps=11, minutes=3.0, log_every=2, evaluate_every=2, save_every=2, keep=3, device="cuda", threads=3,
        deterministic=False, wandb="off",
    )  # fmt: skip
    assert all(getattr(run, name) != value for name, value in vars(Config().run).items()), "a setting is not changed"
    assert address("e", replace(Config(), run=run)) == address("e", Config())
    assert address("f", Config()) != address("e", Config())


def test_the_address_is_that_of_the_config_that_json_gives_back() -> None:
    whole = Config(share=1, betas=(0, 1), one_or_many=2)  # whole numbers where any number may stand
    assert address("e", from_json(Config, to_json(whole))) == address("e", whole)
    assert address("e", whole) == address("e", Config(share=1.0, betas=(0.0, 1.0), one_or_many=2.0))


def test_the_address_stays_from_release_to_release() -> None:
    @dataclass(frozen=True)
    class Small:
        a: int = 1

    # printf '{"config":{"a":1},"experiment":"e"}' | sha256sum
    assert address("e", Small()) == "1fbedd2889"


def test_a_later_setting_counts_where_it_is_not_as_all_was_before() -> None:
    @dataclass(frozen=True)
    class Small:
        a: int = 1

    @dataclass(frozen=True)
    class Grown(Small):
        b: Inner = field(default=Inner(), metadata={"later": True})

    assert address("e", Grown()) == address("e", Small())
    assert address("e", Grown(b=Inner(rate=1.0))) != address("e", Small())
    assert to_json(Grown())["b"] == to_json(Inner()), "what is written down is whole"


def test_what_is_handed_on_names_files_without_their_folders() -> None:
    @dataclass(frozen=True)
    class Begun:
        weights: str = field(default="/home/one/weights.safetensors", metadata={"place": True})
        none: str = field(default="", metadata={"place": True})
        share: float = math.inf

    @dataclass(frozen=True)
    class Whole:
        begun: Begun = Begun()

    assert portable(Whole()) == {"begun": {"weights": "weights.safetensors", "none": "", "share": "inf"}}


@dataclass(frozen=True)
class Square:
    side: float = 1.0


@dataclass(frozen=True)
class Circle:
    radius: float = 1.0
    filled: bool = False


@dataclass(frozen=True)
class Drawing:
    shape: Square | Circle = Square()


@pytest.mark.parametrize("drawing", [Drawing(Square(2.0)), Drawing(Circle(3.0, filled=True))])
def test_a_choice_between_kinds_of_settings_is_read_as_what_it_was(drawing: Drawing) -> None:
    assert from_json(Drawing, to_json(drawing)) == drawing


def test_a_mistake_in_one_of_several_kinds_is_told_in_its_own_words() -> None:
    with pytest.raises(ConfigError, match=r"'shape\.raduis' names no setting: Circle has no 'raduis'.*radius"):
        from_json(Drawing, {"shape": {"filled": True, "raduis": 1.0}})
