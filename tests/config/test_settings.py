import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from roadseg.config.settings import (
    Config,
    Crf,
    Data,
    Model,
    Optimizer,
    Settings,
    Split,
    Train,
    Transforms,
    as_trained,
    complaint,
    difference,
    from_json,
    to_json,
)
from roadseg.errors import ConfigError

KINDS = [Config, Crf, Data, Model, Optimizer, Split, Train, Transforms]
CONFIG = Config(recipe="a", data=Data(name="camvid"), model=Model(name="fcn8s"))

positive = st.floats(1e-9, 1e6)
shares = st.floats(0, 1)
sizes = st.none() | st.tuples(st.integers(32, 4096), st.integers(32, 4096))
paths = st.none() | st.text("abc./ ä", min_size=1).map(Path)
splits = st.one_of(
    st.builds(Split, scheme=st.sampled_from(["official", "grouped", "random"]), seed=st.integers(0)),
    st.builds(
        lambda folds, fold, scheme: Split(scheme=scheme, folds=folds, fold=fold % folds),
        st.integers(2, 20),
        st.integers(0, 19),
        st.sampled_from(["grouped", "random"]),
    ),
    st.floats(0.01, 0.99).map(lambda share: Split(scheme="grouped", fractions=(share, 1 - share, 0.0))),
    st.builds(lambda path: Split(scheme="file", file=path), paths.filter(bool)),
)
configs = st.builds(
    Config,
    recipe=st.text(),
    seed=st.integers(0, 2**32 - 1),
    data=st.builds(Data, name=st.text(), root=paths, split=splits, cache_gib=st.floats(0, 1e6)),
    transforms=st.builds(
        Transforms,
        resize=sizes,
        crop=sizes,
        flip=shares,
        jitter=shares,
        scale=st.tuples(positive, positive).map(lambda pair: tuple(sorted(pair))),
    ),
    model=st.builds(
        Model, name=st.sampled_from(["fcn32s", "fcn8s"]), width=positive, dropout=shares, weights=st.none() | st.text()
    ),
    optimizer=st.builds(Optimizer, lr=positive, trunk_lr=st.none() | st.floats(0, 1e6), weight_decay=st.floats(0, 1)),
    train=st.builds(Train, epochs=st.integers(1), batch_size=st.integers(1), clip=st.none() | positive),
)


@pytest.mark.slow
@given(configs)
def test_survives_json(config: Config) -> None:
    assert from_json(to_json(config), "config.json") == config


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_unknown_keys_are_refused(kind: type[Settings]) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({"unknwon": 1})
    assert ("unknwon",) in [error["loc"] for error in caught.value.errors() if error["type"] == "extra_forbidden"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_settings_are_frozen(kind: type[Settings]) -> None:
    assert kind.model_config["frozen"]
    assert kind.model_config["extra"] == "forbid"


def test_frozen_in_depth() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CONFIG.train.epochs = 3  # type: ignore[misc]


BAD = {
    "fractions": (
        {"data": {"name": "x", "split": {"fractions": [0.5, 0.2, 0.2]}}},
        "add up to 0.9; they must add up to 1",
    ),
    "negative share": (
        {"data": {"name": "x", "split": {"fractions": [1.5, -0.5, 0]}}},
        r"data.split.fractions: .* \(given",
    ),
    "nan": ({"optimizer": {"lr": float("nan")}}, "optimizer.lr: .*finite"),
    "infinity": ({"optimizer": {"lr": float("inf")}}, "optimizer.lr: .*finite"),
    "zero rate": ({"optimizer": {"lr": 0}}, "optimizer.lr: .*greater than 0"),
    "choice": ({"optimizer": {"name": "sdg"}}, r"optimizer.name: .*'sgd', 'adam' or 'adamw' \(given: 'sdg'\)"),
    "fold too high": ({"data": {"name": "x", "split": {"scheme": "random", "folds": 3, "fold": 3}}}, "fold 3 of 3"),
    "one fold": ({"data": {"name": "x", "split": {"scheme": "random", "folds": 1}}}, "at least 2 folds"),
    "folds of official": ({"data": {"name": "x", "split": {"folds": 3}}}, "folds need the scheme grouped or random"),
    "file without path": ({"data": {"name": "x", "split": {"scheme": "file"}}}, "go together"),
    "path without file": ({"data": {"name": "x", "split": {"file": "a.json"}}}, "go together"),
    "scale": ({"transforms": {"scale": [2, 1]}}, "scale 2 to 1 is empty"),
    "crop": ({"transforms": {"crop": [0, 5]}}, "transforms.crop: .*greater than or equal to 1"),
    "network": ({"model": {"name": "unnet"}}, r"model.name: no network 'unnet'; did you mean unet\? choices: [\w, ]+$"),
    "loss": ({"train": {"loss": "crossentropy"}}, "train.loss: no loss 'crossentropy'; did you mean cross_entropy"),
    "epochs": ({"train": {"epochs": "many"}}, r"train.epochs: .*integer.*\(given: 'many'\)"),
    "seed": ({"seed": 2**32}, "seed: "),
    "unknown section": ({"trian": {}}, "trian: extra inputs are not permitted"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_values_are_one_line_with_source_and_key(change: dict[str, object], message: str) -> None:
    content = {**json.loads(to_json(CONFIG)), **change}
    with pytest.raises(ConfigError, match=f"^run/config.json: .*{message}") as caught:
        from_json(json.dumps(content), "run/config.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "not json", '{"recipe": "a"'])
def test_no_json(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^c\.json is not JSON: .*; restore the file"):
        from_json(text, "c.json")


@pytest.mark.parametrize("text", ["[]", "null", "3", "{}"])
def test_json_of_another_kind(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^c\.json: "):
        from_json(text, "c.json")


def test_complaint_of_a_whole_model_has_no_key() -> None:
    with pytest.raises(ValidationError) as caught:
        Transforms(scale=(2, 1))
    assert complaint(caught.value) == "scale 2 to 1 is empty; give the smaller one first"


@given(configs, configs)
def test_settings_as_trained_differ_only_where_training_does(stored: Config, given_now: Config) -> None:
    trained = as_trained(stored)
    assert as_trained(trained) == trained
    assert difference(stored, trained) is None
    assert difference(trained, stored) is None
    if stored.model.weights or stored.model.from_run:
        assert trained == stored
    else:
        assert trained.optimizer.trunk_lr is None
        assert trained.optimizer.frozen_blocks == 0
    assert (difference(stored, given_now) is None) == (difference(trained, as_trained(given_now)) is None)
