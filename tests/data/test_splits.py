import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from roadseg.config.settings import Split
from roadseg.data.layouts.kitti_drives import IMAGES, group
from roadseg.data.records import Record
from roadseg.data.splits import PARTS, Splits, groups, ids_sha256, leaks, make_splits, select
from roadseg.errors import ConfigError, DataError

KITTI = [Record(f"{i:06d}_10", Path("i"), Path("l"), group(f"{i:06d}")) for i in range(IMAGES)]

GROUPED_SHA256 = "0f52240b42503d45dc9ded0aa7e40ab3755c4e51718f245e4738709cb2d708c0"
RANDOM_SHA256 = "a27aea9efa69542debbfdda5c98599fd8d3a36b199c55b51cf4e22afd1bcc93b"


def made(sizes: dict[str, int]) -> list[Record]:
    """Records of groups of the given sizes."""
    return [Record(f"{name}_{i}", Path("i"), Path("l"), name) for name, size in sizes.items() for i in range(size)]


group_sizes = st.lists(st.integers(1, 30), min_size=1, max_size=25).map(
    lambda sizes: {f"drive{i}": size for i, size in enumerate(sizes)}
)
fractions = st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.5, 0.0), (0.8, 0.1, 0.1), (0.34, 0.33, 0.33)])
schemes = st.sampled_from(["grouped", "random"])
seeds = st.integers(0, 2**40)


@given(group_sizes, fractions, schemes, seeds)
def test_every_image_is_in_one_requested_part(
    sizes: dict[str, int], shares: tuple[float, float, float], scheme: str, seed: int
) -> None:
    records = made(sizes)
    requested = [name for name, share in zip(PARTS, shares, strict=True) if share]
    settings = Split.model_validate({"scheme": scheme, "fractions": shares, "seed": seed})
    if len(sizes if scheme == "grouped" else records) < len(requested):
        with pytest.raises(DataError, match=f"cannot fill {len(requested)} parts"):
            make_splits(records, settings)
        return
    splits = make_splits(records, settings)
    assert sorted(splits.train + splits.val + splits.test) == sorted(record.id for record in records)
    assert [name for name in PARTS if splits.parts[name]] == requested
    assert all(list(ids) == sorted(ids) for ids in splits.parts.values())
    if scheme == "grouped":
        assert leaks(splits, records) == []
        for name, share in zip(PARTS, shares, strict=True):
            assert len(splits.parts[name]) - share * len(records) < max(sizes.values())


@pytest.mark.slow
@given(group_sizes, schemes, seeds, st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_order_of_the_records_does_not_matter(
    sizes: dict[str, int], scheme: str, seed: int, shuffler: random.Random, folds: int
) -> None:
    records = made(sizes)
    shuffled = shuffler.sample(records, len(records))
    try:
        settings = Split.model_validate({"scheme": scheme, "seed": seed, "folds": folds if folds > 1 else 0})
        assert make_splits(records, settings) == make_splits(shuffled, settings)
        assert make_splits({"train": records[:3], "val": records[3:]}, settings) == make_splits(records, settings)
    except DataError:
        assert len(sizes if scheme == "grouped" else records) < 3


@given(group_sizes, schemes, seeds, st.integers(2, 6))
def test_folds_validate_every_image_once(sizes: dict[str, int], scheme: str, seed: int, folds: int) -> None:
    records = made(sizes)
    settings = [
        Split.model_validate({"scheme": scheme, "seed": seed, "folds": folds, "fold": fold}) for fold in range(folds)
    ]
    if len(sizes if scheme == "grouped" else records) < folds:
        with pytest.raises(DataError, match=f"cannot fill {folds} folds; divide into at most"):
            make_splits(records, settings[0])
        return
    divisions = [make_splits(records, fold) for fold in settings]
    validated = [name for splits in divisions for name in splits.val]
    assert sorted(validated) == sorted(record.id for record in records)
    for splits in divisions:
        assert not splits.test
        assert splits.train
        assert splits.val
        assert len(splits.train) + len(splits.val) == len(records)
    counts = [len(splits.val) for splits in divisions]
    assert max(counts) - min(counts) <= (max(sizes.values()) if scheme == "grouped" else 1)
    if scheme == "grouped":
        assert all(leaks(splits, records) == [] for splits in divisions)


@pytest.mark.parametrize("count", [7, 10, 20, 33, 200])
def test_random_sizes_are_the_assignments(count: int) -> None:
    splits = make_splits(made({"a": count}), Split(scheme="random"))
    train, val = int(0.7 * count), int(0.15 * count)
    assert [len(ids) for ids in splits.parts.values()] == [train, val, count - train - val]


def test_kitti_by_drive_has_exactly_the_shares_for_every_seed() -> None:
    for seed in range(10):
        splits = make_splits(KITTI, Split(scheme="grouped", seed=seed))
        assert [len(ids) for ids in splits.parts.values()] == [140, 30, 30]
        assert leaks(splits, KITTI) == []


def test_large_and_small_drives_validate_equally_often() -> None:
    seeds = 60
    often = Counter(
        name for seed in range(seeds) for name in make_splits(KITTI, Split(scheme="grouped", seed=seed)).val
    )
    for record in KITTI:
        assert 0.05 <= often[record.id] / seeds < 0.35


def test_a_random_split_of_kitti_leaks_drives() -> None:
    assert len(leaks(make_splits(KITTI, Split(scheme="random")), KITTI)) > 10


def test_divisions_never_change() -> None:
    """Published numbers name a seed: another division for it would be another experiment."""
    expected = {"grouped": GROUPED_SHA256, "random": RANDOM_SHA256}
    for scheme, sha256 in expected.items():
        assert make_splits(KITTI, Split.model_validate({"scheme": scheme})).sha256 == sha256


def test_seeds_give_different_divisions() -> None:
    for scheme in ("grouped", "random"):
        hashes = {make_splits(KITTI, Split.model_validate({"scheme": scheme, "seed": s})).sha256 for s in range(10)}
        assert len(hashes) == 10


def test_official_takes_the_parts_as_they_are() -> None:
    train, val = made({"a": 3}), made({"b": 2})
    splits = make_splits({"train": train, "val": val}, Split(scheme="official"))
    assert splits.parts == {"train": ("a_0", "a_1", "a_2"), "val": ("b_0", "b_1"), "test": ()}
    assert splits.scheme == "official"
    assert make_splits({"train": train, "val": val, "test": made({"c": 1})}, Split(scheme="official")).test == ("c_0",)


@pytest.mark.parametrize("records", [KITTI, {"train": KITTI}, {"train": KITTI, "val": []}])
def test_no_official_division(records: list[Record] | dict[str, list[Record]]) -> None:
    with pytest.raises(DataError, match=r"no official (train|val) part; use --data\.split\.scheme grouped"):
        make_splits(records, Split(scheme="official"))


@pytest.mark.parametrize("scheme", ["official", "grouped", "random"])
def test_ids_must_be_unique(scheme: str) -> None:
    records = made({"a": 5, "b": 5, "c": 5})
    with pytest.raises(DataError, match="the id a_0 stands for two images"):
        make_splits({"train": records, "val": made({"a": 1})}, Split.model_validate({"scheme": scheme}))


def test_too_few_groups() -> None:
    with pytest.raises(
        DataError, match=r"2 groups \(drives\) cannot fill 3 parts \(train, val, test\); give more data"
    ):
        make_splits(made({"a": 9, "b": 9}), Split(scheme="grouped"))


class TestFile:
    def test_survives(self, tmp_path: Path) -> None:
        splits = make_splits(KITTI, Split(scheme="grouped", seed=3))
        splits.save(tmp_path / "splits.json")
        assert Splits.load(tmp_path / "splits.json") == splits
        assert splits.seed == 3
        assert splits.scheme == "grouped"

    def test_reuse(self, tmp_path: Path) -> None:
        splits = make_splits(KITTI[:100], Split(scheme="grouped", seed=3))
        splits.save(tmp_path / "splits.json")
        assert make_splits(KITTI, Split(scheme="file", file=tmp_path / "splits.json")) == splits

    def test_reuse_with_other_data(self, tmp_path: Path) -> None:
        make_splits(KITTI, Split(scheme="random")).save(tmp_path / "splits.json")
        with pytest.raises(DataError, match=r"^\d{6}_10 of the split's train part is not in the data \(\d+ of 140 are"):
            make_splits(KITTI[100:], Split(scheme="file", file=tmp_path / "splits.json"))

    @staticmethod
    def edited(tmp_path: Path, **change: object) -> Path:
        path = tmp_path / "splits.json"
        make_splits(made({"a": 4, "b": 2, "c": 1}), Split(scheme="grouped")).save(path)
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        return path

    def test_change_by_hand_is_found_and_the_message_says_how_to_mend(self, tmp_path: Path) -> None:
        path = self.edited(tmp_path, val=["b_0"], test=[])
        with pytest.raises(
            ConfigError, match=r"splits\.json: the ids do not match their sha256 .*; restore it, or set"
        ) as e:
            Splits.load(path)
        assert "\n" not in str(e.value)
        cure = str(e.value).split('to "')[1].split('"')[0]
        path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": cure}))
        assert Splits.load(path).val == ("b_0",)

    @pytest.mark.parametrize("change", [{"val": ["a_0"], "train": ["a_0"]}, {"val": ["x", "x"]}])
    def test_overlap(self, tmp_path: Path, change: dict[str, object]) -> None:
        with pytest.raises(ConfigError, match=r"splits\.json: (a_0|x) stands in two parts or twice in one"):
            Splits.load(self.edited(tmp_path, **change))

    @pytest.mark.parametrize(
        "change", [{"extra": 1}, {"train": "all"}, {"scheme": "file"}, {"seed": -1}, {"val": None}]
    )
    def test_other_changes(self, tmp_path: Path, change: dict[str, object]) -> None:
        with pytest.raises(ConfigError, match=r"splits\.json: \w+"):
            Splits.load(self.edited(tmp_path, **change))

    @pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]"])
    def test_unreadable(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "splits.json").write_bytes(content)
        with pytest.raises(ConfigError, match=r"splits\.json"):
            Splits.load(tmp_path / "splits.json")


def shared(records: list[Record], share: float, **changes: object) -> Splits:
    return make_splits(records, Split.model_validate({"scheme": "grouped", "share": share, **changes}))


@given(
    group_sizes.filter(lambda sizes: len(sizes) > 2),
    schemes,
    seeds,
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    st.integers(0, 3),
)
def test_a_smaller_share_is_part_of_a_larger_one_and_val_and_test_stay(
    sizes: dict[str, int], scheme: str, seed: int, shares: list[float], share_seed: int
) -> None:
    records = made(sizes)
    if len(records) < 3:
        return
    changes = {"scheme": scheme, "seed": seed, "share_seed": share_seed}
    whole, large, small = (shared(records, share, **changes) for share in (1.0, shares[1], shares[0]))
    assert set(small.train) <= set(large.train) <= set(whole.train)
    for splits, share in ((large, shares[1]), (small, shares[0])):
        assert (splits.val, splits.test) == (whole.val, whole.test)
        assert sorted((*splits.train, *splits.left_out)) == list(whole.train)
        assert len(splits.train) == max(1, round(share * len(whole.train)))
        assert splits.sha256 == ids_sha256(splits.parts)
    if scheme == "grouped":  # whole drives, and the beginning of one
        kept, left = (groups([r for r in records if r.id in ids]) for ids in (set(small.train), set(small.left_out)))
        cut = kept.keys() & left.keys()
        assert len(cut) <= 1
        assert all(max(kept[name]) < min(left[name]) for name in cut)


def test_another_share_seed_draws_other_images() -> None:
    drawn = {shared(KITTI, 0.25, share_seed=seed).train for seed in range(5)}
    assert len(drawn) == 5
    assert len({splits.val for splits in (shared(KITTI, 0.25, share_seed=seed) for seed in range(5))}) == 1


def test_folds_official_parts_and_files_have_shares_too(tmp_path: Path) -> None:
    whole, half = (shared(KITTI, share, folds=4, fold=1) for share in (1.0, 0.5))
    assert set(half.train) < set(whole.train)
    assert half.val == whole.val
    train, val = made({"a": 4, "b": 4}), made({"c": 2})
    official = make_splits({"train": train, "val": val}, Split(scheme="official", share=0.5))
    assert groups([record for record in train if record.id in official.train]).keys() in ({"a"}, {"b"})
    half.save(tmp_path / "splits.json")
    assert Splits.load(tmp_path / "splits.json") == half
    quarter = make_splits(KITTI, Split(scheme="file", file=tmp_path / "splits.json", share=0.5))
    assert set(quarter.train) < set(half.train)
    assert sorted((*quarter.train, *quarter.left_out)) == list(whole.train)


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_is_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValidationError, match="share"):
        Split(share=share)


def test_hash_tells_the_division_and_not_the_order() -> None:
    assert ids_sha256({"train": ["a", "b"], "val": []}) == ids_sha256({"train": ("b", "a")})
    assert ids_sha256({"train": ["a", "b"]}) != ids_sha256({"train": ["a"], "val": ["b"]})


def test_leaks_names_the_groups_on_both_sides() -> None:
    records = made({"a": 2, "b": 1, "c": 2})
    splits = make_splits({"train": records[:3], "val": records[3:4], "test": records[4:]}, Split(scheme="official"))
    assert leaks(splits, records) == ["c"]


def test_select_leaves_out_empty_parts() -> None:
    records = made({"a": 2, "b": 1})
    splits = make_splits({"train": records[:2], "val": records[2:]}, Split(scheme="official"))
    assert select(splits, records) == {"train": records[:2], "val": records[2:]}


def test_groups() -> None:
    assert groups(made({"a": 2, "b": 1})) == {"a": ["a_0", "a_1"], "b": ["b_0"]}
