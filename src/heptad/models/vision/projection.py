"""A small network on top of frozen features, trained so that what belongs together lies together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError, MissingExtra, StateError
from heptad.models.files import read_arrays, write_arrays

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]

_FILE: Final = "projection.npz"
_ARRAYS: Final = ("mean", "spread", "w1", "b1", "w2", "b2")


class Projection:
    """Standardise, one hidden layer of rectified units, one linear layer, length one: two products of matrices.

    Trained by torch, applied by numpy alone. Inner products of its vectors are cosines.
    """

    family: ClassVar[str] = "projection"

    def __init__(self, **arrays: Floats) -> None:
        self._held = arrays

    @classmethod
    def fit(
        cls,
        features: Floats,
        kind: NDArray[np.int64],
        *,
        size: int = 128,
        hidden: int = 512,
        temperature: float = 0.1,
        epochs: int = 30,
        batch: int = 512,
        dropout: float = 0.3,
        seed: int = 0,
        advance: Callable[[int], None] | None = None,
    ) -> Self:
        """Learn from features (n, d) and kinds (n,): rows of one kind belong together.

        The loss is `contrastive` over batches drawn without replacement, by AdamW (1e-3, 1e-4) with a cosine schedule.
        ``advance`` is told of each epoch. The same seed gives the same numbers: one thread, whatever the machine has, which
        on busy cores is also ten times faster than two that wait for each other at every small step.
        """
        torch = _torch()
        kinds, counts = np.unique(kind, return_counts=True)
        if len(kinds) < 2 or not (counts > 1).any():
            got = f"{len(kind)} rows of {len(kinds)} kinds"
            raise DataError(
                "training a projection", "two rows of one kind, and a second kind", got, "bring more data"
            )
        mean, spread = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
        x, y = torch.from_numpy((features - mean) / spread), torch.from_numpy(kind)
        nn = torch.nn
        with torch.random.fork_rng(devices=[]), _one_thread():
            torch.manual_seed(seed)
            first, second = nn.Linear(features.shape[1], hidden), nn.Linear(hidden, size)
            net = nn.Sequential(nn.Dropout(dropout), first, nn.ReLU(), nn.Dropout(dropout), second)
            adam = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-4)
            steps = max(1, len(x) // batch)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs * steps)
            for _ in range(epochs):
                order = torch.randperm(len(x))
                for rows in order[: steps * batch].split(batch):
                    loss = contrastive(nn.functional.normalize(net(x[rows]), dim=1), y[rows], temperature)
                    adam.zero_grad()
                    loss.backward()
                    adam.step()
                    schedule.step()
                if advance is not None:
                    advance(1)
        learned = (first.weight.T, first.bias, second.weight.T, second.bias)
        arrays = [np.ascontiguousarray(one.detach().numpy()) for one in learned]
        return cls(**dict(zip(_ARRAYS, (mean, spread, *arrays), strict=True)))

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return int(self._held["b2"].shape[0])

    @property
    def version(self) -> str:
        """12 hex digits of the SHA-256 of everything learned: vectors of two versions are never compared."""
        digest = hashlib.sha256()
        for name in _ARRAYS:
            digest.update(self._held[name].tobytes())
        return digest.hexdigest()[:12]

    def vectors(self, features: Floats) -> Floats:
        """(n, size) of features (n, d), each of length one."""
        mean, spread, w1, b1, w2, b2 = (self._held[name] for name in _ARRAYS)
        inner = np.maximum((features - mean) / spread @ w1 + b1, 0)
        return unit(inner @ w2 + b2)

    def save(self, directory: Path) -> None:
        """Write ``projection.npz``."""
        write_arrays(directory / _FILE, self._held)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; `StateError` for another file."""
        held = read_arrays(directory / _FILE)
        if sorted(held) != sorted(_ARRAYS):
            raise StateError(
                _FILE, f"arrays {', '.join(_ARRAYS)}", ", ".join(held), "train the projection again"
            )
        return cls(**held)


def unit(vectors: Floats) -> Floats:
    """Rows (n, d) scaled to length one; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.maximum(length, np.float32(1e-12))
    return scaled


def contrastive(z: Tensor, kind: Tensor, temperature: float) -> Tensor:
    """The supervised contrastive loss over a batch: vectors (n, d) of length one, kinds (n,).

    The mean over rows i that have others P(i) of their kind of -1/|P(i)| sum over p in P(i) of
    log(exp(z_i z_p / t) / sum over a != i of exp(z_i z_a / t)): Khosla et al. 2020, equation 2; with one positive
    per row it is InfoNCE with in-batch negatives (van den Oord et al. 2018). Zero where no row has another of its kind.
    """
    torch = _torch()
    alone = torch.eye(len(z), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(alone, -torch.inf)
    share = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(alone, 0.0)
    same = (kind[:, None] == kind[None, :]) & ~alone
    others = same.sum(dim=1)
    rows = others > 0
    loss: Tensor = -((share * same).sum(dim=1)[rows] / others[rows]).sum() / rows.sum().clamp(min=1)
    return loss


@contextmanager
def _one_thread() -> Iterator[None]:
    torch = _torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra.of("training a projection", "torch", "vision") from error
    return torch
