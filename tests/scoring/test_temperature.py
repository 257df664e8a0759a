"""The temperature is the best one, known ones are found again, and the drawn pixels are the image's."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid, upsample
from roadseg.scoring.temperature import RANGE, fit, sampled


def drawn_classes(logits: torch.Tensor, seed: int) -> torch.Tensor:
    """Classes drawn with the probabilities of the logits (n, C): a perfectly calibrated network's labels."""
    rng = torch.Generator().manual_seed(seed)
    return torch.multinomial(logits.softmax(1), 1, generator=rng)[:, 0].to(torch.uint8)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_found_again(true: float) -> None:
    logits = 2 * torch.randn(40000, 5, generator=torch.Generator().manual_seed(0))
    found = fit(true * logits, drawn_classes(logits, 1))
    assert found is not None
    assert found.temperature == pytest.approx(true, rel=0.03)
    assert found.nll_after <= found.nll_before
    assert found.pixels == 40000


def test_no_other_temperature_is_better() -> None:
    logits = 4 * torch.randn(3000, 4, generator=torch.Generator().manual_seed(2))
    target = drawn_classes(logits / 3, 3)
    target[::7] = IGNORE
    found = fit(logits, target)
    assert found is not None
    kept = target != IGNORE

    def loss(temperature: float) -> float:
        return torch.nn.functional.cross_entropy(logits[kept].double() / temperature, target[kept].long()).item()

    peer = minimize_scalar(loss, bounds=RANGE, method="bounded", options={"xatol": 1e-7})
    assert found.temperature == pytest.approx(peer.x, rel=1e-4)
    assert found.nll_after == pytest.approx(loss(found.temperature))
    assert found.nll_before == pytest.approx(loss(1.0))


def test_the_ends_of_the_range() -> None:
    logits = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    always = fit(logits, torch.tensor([0, 1], dtype=torch.uint8))
    never = fit(logits, torch.tensor([1, 0], dtype=torch.uint8))
    assert always is not None
    assert never is not None
    assert (always.temperature, never.temperature) == pytest.approx(RANGE)
    assert fit(logits, torch.full((2,), IGNORE, dtype=torch.uint8)) is None


@pytest.mark.parametrize("grid", [Grid(1), Grid(8), Grid(4, 2)], ids=str)
def test_drawn_pixels_have_the_logits_of_the_upsampled_image(grid: Grid) -> None:
    size = (41, 30)
    rng = torch.Generator().manual_seed(4)
    cells = [-(-(length + grid.margin) // grid.stride) for length in size]
    logits = torch.randn(3, *cells, generator=rng)
    whole = upsample(logits[None], grid, size)[0]
    # Each pixel's class is its place in disguise, so that each drawn one can be looked up.
    target = torch.arange(41 * 30).reshape(size).remainder(251).to(torch.uint8)
    target[:20] = IGNORE
    found, classes = sampled(logits, grid, target, 100, "a")
    again, _ = sampled(logits, grid, target, 100, "a")
    other, _ = sampled(logits, grid, target, 100, "b")
    assert torch.equal(found, again)
    assert not torch.equal(found, other)
    places = {(*pixel.tolist(), int(c)) for pixel, c in zip(whole.flatten(1).T, target.flatten(), strict=True)}
    drawn = {(*pixel.tolist(), int(c)) for pixel, c in zip(found, classes, strict=True)}
    assert drawn <= places
    assert len(drawn) == 100
    assert IGNORE not in classes


def test_fewer_labelled_pixels_than_asked_for() -> None:
    target = torch.full((8, 8), IGNORE, dtype=torch.uint8)
    target[2, 3:5] = 1
    _, classes = sampled(torch.randn(2, 8, 8), Grid(1), target, 10, "x")
    assert sorted(classes.tolist()) == [1, 1] + 8 * [IGNORE]
    assert np.array_equal(np.asarray(classes[:2]), [1, 1])
