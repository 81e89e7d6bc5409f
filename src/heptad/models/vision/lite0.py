"""EfficientNet-lite0 as a torch network, up to the features before its classifier, and how it is written as ONNX.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), section 4; the lite variant leaves
out squeeze-and-excitation and takes ReLU6 for swish (Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020).
Written anew from those descriptions; modules are called as in the published weights, so that these load by name.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from heptad.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZE: Final = 224  #: pixels of a side
FEATURES: Final = 1280
_STEM, _EPSILON = 32, 1e-3


class Stage(NamedTuple):
    """A row of the paper's table: blocks of one shape; the stride is that of the first."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def network(weights: Path) -> nn.Module:
    """The network with the published weights, pixels (n, 3, 224, 224) in, features (n, 1280) out, for inference only.

    `DataError` where the file does not hold exactly its weights; nothing but tensors is unpickled.
    """
    torch = _torch()
    built = _network()
    try:
        held = torch.load(weights, map_location="cpu", weights_only=True)
        for name in ("_fc.weight", "_fc.bias"):  # of the classifier, which is not built
            del held[name]
        built.load_state_dict(held, strict=True)
    except Exception as error:  # torch raises what its unpickler, the archive or the shapes raise
        raise DataError(
            f"weights {weights.name}", "the tensors of EfficientNet-lite0", f"{type(error).__name__}: {error}",
            "fetch them again: heptad data fetch efficientnet-lite0",
        ) from error  # fmt: skip
    return built.eval().requires_grad_(False)


def export(weights: Path, path: Path) -> None:
    """Write the network as one ONNX file: ``pixels`` (n, 3, 224, 224) float32 to ``features`` (n, 1280) float32."""
    torch = _torch()
    for module in ("onnx", "onnxscript"):
        _needs(module)
    with _quietly():
        program = torch.onnx.export(
            network(weights), (torch.zeros(2, 3, SIZE, SIZE),), dynamo=True, verbose=False, optimize=True,
            input_names=["pixels"], output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        )  # fmt: skip
        program.save(str(path), external_data=False)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of itself: deprecations it uses, and that torchvision, not used here, is absent."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _network() -> nn.Module:
    torch = _torch()
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        """Widen, filter each channel by itself, narrow; added to what came in where the shapes are the same."""

        def __init__(self, stage: Stage, inside: int, stride: int) -> None:
            super().__init__()
            wide = inside * stage.expansion
            self.widens, self.adds = stage.expansion > 1, stride == 1 and inside == stage.channels
            if self.widens:
                self._expand_conv = nn.Conv2d(inside, wide, 1, bias=False)
                self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
            self.pad = _padding(stage.kernel, stride)
            self._depthwise_conv = nn.Conv2d(wide, wide, stage.kernel, stride, groups=wide, bias=False)
            self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
            self._project_conv = nn.Conv2d(wide, stage.channels, 1, bias=False)
            self._bn2 = nn.BatchNorm2d(stage.channels, _EPSILON)

        def forward(self, x: Tensor) -> Tensor:
            y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
            y = nn.functional.relu6(self._bn1(self._depthwise_conv(nn.functional.pad(y, self.pad))))
            y = self._bn2(self._project_conv(y))
            found: Tensor = y + x if self.adds else y
            return found

    class Lite0(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self._conv_stem = nn.Conv2d(3, _STEM, 3, 2, bias=False)
            self._bn0 = nn.BatchNorm2d(_STEM, _EPSILON)
            blocks, inside = [], _STEM
            for stage in _STAGES:
                for place in range(stage.repeats):
                    blocks.append(Block(stage, inside, stage.stride if place == 0 else 1))
                    inside = stage.channels
            self._blocks = nn.ModuleList(blocks)
            self._conv_head = nn.Conv2d(inside, FEATURES, 1, bias=False)
            self._bn1 = nn.BatchNorm2d(FEATURES, _EPSILON)

        def forward(self, pixels: Tensor) -> Tensor:
            x = nn.functional.pad(pixels, _padding(3, 2))
            x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
            for block in self._blocks:
                x = block(x)
            features: Tensor = nn.functional.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
            return features

    return Lite0()


def _padding(kernel: int, stride: int) -> tuple[int, int, int, int]:
    """TensorFlow's SAME for an even side: left, right, top, bottom; with a stride the odd pixel is at the end."""
    total = kernel - stride
    return (total // 2, total - total // 2) * 2


def _torch() -> Any:
    return _needs("torch")


def _needs(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra.of("exporting a network", module, "vision") from error
