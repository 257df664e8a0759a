"""One step of the optimizer; what it does to a whole run is in test_train.py."""

from roadseg.learner import seed_of


def test_seeds_differ_by_step_and_process() -> None:
    seeds = {seed_of(0, step, process) for step in range(100) for process in range(4)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
