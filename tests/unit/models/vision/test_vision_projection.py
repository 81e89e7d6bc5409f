"""The contrastive loss is that of its equation, and what it trains brings together what belongs together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heptad.errors import DataError, StateError
from heptad.models.vision.projection import Projection, contrastive, unit

torch = pytest.importorskip("torch", reason="torch is not installed")


def obvious(z: np.ndarray, kind: np.ndarray, temperature: float) -> float:
    """Khosla et al. 2020, equation 2, in loops."""
    total, rows = 0.0, 0
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if kind[p] == kind[i]]
        if not positives:
            continue
        below = math.log(sum(math.exp(z[i] @ z[a] / temperature) for a in others))
        total -= sum(z[i] @ z[p] / temperature - below for p in positives) / len(positives)
        rows += 1
    return total / max(rows, 1)


@pytest.mark.parametrize("kinds", [1, 3, 9, 40])
def test_the_loss_is_the_equation(kinds):
    draw = np.random.default_rng(kinds)
    z, kind = unit(draw.normal(size=(40, 5)).astype(np.float32)), draw.integers(0, kinds, 40)
    found = contrastive(torch.from_numpy(z), torch.from_numpy(kind), 0.2)
    assert float(found) == pytest.approx(obvious(z, kind, 0.2), rel=1e-5)


def test_a_batch_without_a_pair_costs_nothing_and_moves_nothing():
    z = torch.eye(4, requires_grad=True)
    loss = contrastive(z, torch.arange(4), 0.1)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not z.grad.any()


@pytest.fixture(scope="module")
def blurred() -> tuple[np.ndarray, np.ndarray]:
    """Features in which five kinds differ in 5 columns of 40, under noise five times as large elsewhere."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 5, 1_000)
    features = draw.normal(size=(1_000, 40))
    features[:, :5] = 5 * np.eye(5)[kind] + draw.normal(size=(1_000, 5))
    features[:, 5:] *= 5
    return features.astype(np.float32), kind


def nearest_alike(vectors: np.ndarray, kind: np.ndarray) -> float:
    near = vectors @ vectors.T
    np.fill_diagonal(near, -2)
    return float((kind[near.argmax(axis=1)] == kind).mean())


@pytest.fixture(scope="module")
def fitted(blurred) -> Projection:
    features, kind = blurred
    return Projection.fit(features[:800], kind[:800], size=8, hidden=32, epochs=100, batch=100)


def test_the_projection_brings_held_out_rows_of_a_kind_together(blurred, fitted):
    features, kind = blurred[0][800:], blurred[1][800:]
    before = nearest_alike(unit(features), kind)
    after = nearest_alike(fitted.vectors(features), kind)
    assert before < 0.5
    assert after > 0.8


def test_numpy_applies_what_torch_learned(blurred, fitted):
    features = blurred[0][:10]
    held = {name: torch.from_numpy(array) for name, array in fitted._held.items()}
    x = (torch.from_numpy(features) - held["mean"]) / held["spread"]
    y = torch.relu(x @ held["w1"] + held["b1"]) @ held["w2"] + held["b2"]
    expected = torch.nn.functional.normalize(y, dim=1).numpy()
    np.testing.assert_allclose(fitted.vectors(features), expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)


def test_a_projection_is_what_was_saved(blurred, fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = Projection.load(tmp_path)
    assert loaded.version == fitted.version
    assert loaded.size == 8
    np.testing.assert_array_equal(loaded.vectors(blurred[0]), fitted.vectors(blurred[0]))


def test_the_same_seed_learns_the_same_and_another_does_not(blurred):
    features, kind = blurred
    one, two, other = (
        Projection.fit(features, kind, size=4, hidden=8, epochs=1, batch=256, seed=seed) for seed in (1, 1, 2)
    )
    assert one.version == two.version != other.version


def test_training_leaves_the_callers_random_numbers_alone(blurred):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Projection.fit(*blurred, size=4, hidden=8, epochs=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("kind", [np.zeros(6, np.int64), np.arange(6), np.zeros(0, np.int64)])
def test_what_cannot_teach_is_refused(kind):
    with pytest.raises(DataError, match="two rows of one kind, and a second kind"):
        Projection.fit(np.ones((len(kind), 3), np.float32), kind)


def test_another_file_is_refused(tmp_path):
    np.savez(tmp_path / "projection.npz", other=np.ones(3))
    with pytest.raises(StateError, match="arrays mean, spread"):
        Projection.load(tmp_path)


def test_a_row_of_zeros_stays_one():
    assert not unit(np.zeros((1, 3), np.float32)).any()
