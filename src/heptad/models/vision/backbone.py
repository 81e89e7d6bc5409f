"""A frozen network that turns pictures into features: fetched, exported once to ONNX, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad import catalogue
from heptad.errors import MissingExtra, StateError
from heptad.models.vision import lite0
from heptad.models.vision.memo import Memo
from heptad.models.vision.picture import decode, to_input

Features = NDArray[np.float32]

#: Names a declaration may use for a backbone, and how many features each gives.
WIDTHS: Final = {"efficientnet-lite0": lite0.FEATURES}
#: Raised when the exported graph, or how a picture is prepared for it, becomes another one.
GRAPH: Final = 1
_AT_ONCE: Final = 16


class Backbone:
    """The features of pictures, the same for the same bytes, kept by their SHA-256 once computed.

    ``version`` names the weights and the graph. Features of one picture may differ in the last bits with the batch they
    were computed in; what is kept is what was computed first.
    """

    def __init__(self, name: str, version: str, session: Any, memo: Memo) -> None:
        self.name, self.version, self._session, self._memo = name, version, session, memo

    @classmethod
    def open(cls, name: str, *, directory: Path | None = None, threads: int | None = None) -> Backbone:
        """The backbone of this name; fetches its weights and exports it where that was not done on this machine.

        Needs torch, onnx and onnxscript for the export only. ``directory`` stands for the catalogue's cache.
        """
        (weights,) = catalogue.fetch(name, directory=directory).values()
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        version = f"{name}-{digest[:12]}-{GRAPH}"
        graph = weights.parent / f"{version}.onnx"
        if not graph.exists():
            with TemporaryDirectory(dir=weights.parent) as aside:
                lite0.export(weights, Path(aside) / graph.name)
                os.replace(Path(aside) / graph.name, graph)
        memo = Memo.open(weights.parent / f"{version}.features", WIDTHS[name])
        return cls(name, version, _session(graph, threads), memo)

    def features(self, pictures: Sequence[bytes], advance: Callable[[int], None] | None = None) -> Features:
        """(n, width) float32 of pictures as JPEG or PNG; ``advance`` is told of each few that are done.

        `DataError` names the place of a picture that cannot be read.
        """
        digests = [hashlib.sha256(content).digest() for content in pictures]
        found = self._memo.find(digests)
        lacking = [place for place, digest in enumerate(digests) if digest not in found]
        if advance is not None:
            advance(len(pictures) - len(lacking))
        for begin in range(0, len(lacking), _AT_ONCE):
            places = lacking[begin : begin + _AT_ONCE]
            pixels = [decode(pictures[place], thing=f"picture {place}") for place in places]
            new = dict(
                zip((digests[place] for place in places), self.of_pixels(np.stack(pixels)), strict=True)
            )
            self._memo.add(new)
            found |= new
            if advance is not None:
                advance(len(places))
        rows = [found[digest] for digest in digests]
        return np.stack(rows) if rows else np.empty((0, WIDTHS[self.name]), np.float32)

    def kept(self, picture: bytes, *, thing: str = "picture") -> Features:
        """(width,) of one picture, computed now and kept: whether it was before costs more to find out."""
        row: Features = self.of_pixels(decode(picture, thing=thing)[None])[0]
        self._memo.add({hashlib.sha256(picture).digest(): row})
        return row

    def of_pixels(self, pixels: NDArray[np.uint8]) -> Features:
        """(n, width) of pictures that are decoded already, (n, SIDE, SIDE, 3); nothing is kept."""
        found: Features = self._session.run(None, {"pixels": to_input(pixels)})[0]
        return found


def _session(graph: Path, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra.of("running a network", "onnxruntime", "vision") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(4, os.cpu_count() or 1)
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # idle threads leave the cores to others
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes, which share no base
        raise StateError(
            f"network {graph.name}", "a graph that ONNX Runtime can load", f"{type(error).__name__}: {error}",
            f"remove {graph}: it is exported again",
        ) from error  # fmt: skip
