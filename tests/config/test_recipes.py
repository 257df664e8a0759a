"""Recipes and the flags that change them."""

import argparse

import pytest

from roadseg.cli.flags import SETTING, Parser, add_settings, given_settings
from roadseg.config.overrides import notes, overridden
from roadseg.config.recipes import ASSIGNMENT, describe, names, recipe
from roadseg.config.registry import DATASETS, NETWORKS
from roadseg.config.settings import RECORDED, Config, Settings, from_json, to_json
from roadseg.errors import ConfigError
from roadseg.models import build


def test_there_is_a_recipe_for_every_pair_of_data_set_and_network() -> None:
    assert {f"{data}-{network}" for data in (*DATASETS, "demo") for network in NETWORKS} <= set(names())
    assert len(names()) == (len(DATASETS) + 1) * (len(NETWORKS) + 1) + len(ASSIGNMENT)


@pytest.mark.parametrize("name", names())
def test_every_recipe(name: str) -> None:
    settings = recipe(name)
    assert settings.recipe == name
    assert settings.data.name in DATASETS
    assert from_json(to_json(settings), "config.json") == settings
    assert len(name) + len(describe(name)) < 110
    assert build(settings.model.model_copy(update={"width": 0.02}), 5) is not None


def test_a_recipe_with_a_crf_is_another_one_in_nothing_else() -> None:
    plain, refined = recipe("camvid-fcn8s"), recipe("camvid-fcn8s_crf")
    assert plain.crf.iterations == 0
    assert refined.crf.iterations > 0
    assert refined.model_copy(update={"recipe": plain.recipe, "crf": plain.crf}) == plain
    assert "FCN-8s and a CRF on CamVid" in describe("camvid-fcn8s_crf")


def test_an_unknown_recipe_gets_the_closest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean camvid-fcn8s"):
        recipe("camvid-fcn8")


def leaves(kind: type[Settings], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in kind.model_fields.items():
        section = field.annotation
        nested = isinstance(section, type) and issubclass(section, Settings)
        found |= leaves(section, f"{prefix}{name}.") if nested else {f"{prefix}{name}"}  # type: ignore[arg-type]
    return found


def parsed(*words: str) -> Config:
    parser = Parser(prog="test")
    add_settings(parser)
    return overridden(recipe("demo-fcn32s"), given_settings(vars(parser.parse_args(words))))


def test_every_setting_has_a_flag_with_help() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser)
    by_name = {action.dest.removeprefix(SETTING): action for action in parser._actions}
    assert leaves(Config) - RECORDED == set(by_name) - {"help"}
    assert all(action.help for action in by_name.values())


def test_flags_change_only_what_they_name() -> None:
    changed = parsed(
        "--train.epochs", "3", "--transforms.crop", "64", "32", "--seed", "7", "--model.batch_norm", "false"
    )
    assert changed.train.epochs == 3
    assert changed.transforms.crop == (64, 32)
    assert changed.seed == 7
    assert changed.model.batch_norm is False
    assert changed.optimizer == recipe("demo-fcn32s").optimizer


def test_a_crop_follows_the_resize() -> None:
    camvid = recipe("camvid-fcn8s")
    assert camvid.transforms.crop == (320, 320)
    assert camvid.transforms.scale[1] == 1.6

    def resized(*size: int, **others: object) -> tuple[int, int] | None:
        given = {"transforms.resize": list(size), **{f"transforms.{name}": value for name, value in others.items()}}
        return overridden(camvid, given).transforms.crop

    assert resized(112, 160) == (112, 160)
    assert resized(112, 480) == (112, 320), "never larger than the recipe's"
    assert resized(112, 160, crop="none") is None
    assert resized(112, 160, crop=[128, 96]) == (128, 96), "images are scaled by up to 1.6"
    with pytest.raises(ConfigError, match=r"crop 320 320 is larger than any image after --transforms\.resize 112 160"):
        resized(112, 160, crop=[320, 320])
    kept = overridden(camvid, {"transforms.resize": [112, 160]})
    assert overridden(kept, {"train.epochs": 3}).transforms == kept.transforms


def test_that_a_crop_followed_is_said() -> None:
    camvid = recipe("camvid-fcn8s")
    given = {"transforms.resize": [112, 160]}
    note = "crop 112x160, not the recipe's 320x320: it follows --transforms.resize"
    assert notes(camvid, overridden(camvid, given), given) == [note]
    assert notes(camvid, camvid, {}) == []
    given = {"transforms.crop": [64, 64]}
    assert notes(camvid, overridden(camvid, given), given) == []


def test_that_a_setting_has_no_effect_is_said() -> None:
    demo, given = recipe("demo-fcn16s"), {"optimizer.frozen_blocks": 3}
    note = (
        "--optimizer.frozen_blocks acts on first weights alone (--model.weights); without them the whole trunk trains"
    )
    assert notes(demo, overridden(demo, given), given) == [note]
    weights = given | {"model.weights": "imagenet"}
    assert notes(demo, overridden(demo, weights), weights) == []
    assert notes(overridden(demo, given), overridden(demo, given), {}) == [], "it was not given"


def test_none_unsets_what_may_be_unset() -> None:
    assert parsed("--transforms.crop", "none").transforms.crop is None
    assert parsed("--train.class_weights", "none").train.class_weights == "none"
    with pytest.raises(ConfigError, match=r"--train\.epochs"):
        parsed("--train.epochs", "none")


def test_wrong_numbers_of_values_are_told() -> None:
    with pytest.raises(ConfigError, match=r"--transforms\.crop"):
        parsed("--transforms.crop", "64")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("optimiser.lr", r"no setting 'optimiser\.lr'; did you mean optimizer\.lr\?"),
        ("train.epoch", r"no setting 'train\.epoch'; did you mean train\.epochs\?"),
        ("seed.x", r"no setting 'seed\.x'"),
        ("train", "no setting 'train'"),
        ("recipe", "no setting 'recipe'"),
    ],
)
def test_a_setting_that_does_not_exist_is_told(key: str, told: str) -> None:
    for value in (2, "none"):
        with pytest.raises(ConfigError, match=told):
            overridden(recipe("demo-fcn16s"), {key: value})
