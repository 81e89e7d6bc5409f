"""EfficientNet-lite0: its shape as published, what it loads and what it refuses, and the exported graph against torch."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heptad.errors import DataError
from heptad.models.vision import lite0
from heptad.models.vision.backbone import _session

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file like the published one, of random numbers."""
    torch.manual_seed(0)
    held = lite0._network().state_dict()
    for name, tensor in held.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    held |= {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    torch.save(held, path)
    return path


def test_the_network_has_the_published_size(weights):
    network = lite0.network(weights)
    learned = sum(parameter.numel() for parameter in network.parameters())
    assert learned + 1280 * 1000 + 1000 == 4_652_008  # Liu 2020: 4.7 million with the classifier
    assert not network.training
    with torch.no_grad():
        features = network(torch.rand(2, 3, 224, 224))
    assert features.shape == (2, lite0.FEATURES)
    assert float(features.min()) >= 0
    assert float(features.max()) <= 6


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("side", [224, 112, 56, 28, 14])
def test_padding_is_tensorflows_same(kernel, stride, side):
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    assert lite0._padding(kernel, stride) == (total // 2, total - total // 2) * 2


class Trap:
    """What a pickle may hold beside tensors: a call of anything."""

    def __reduce__(self):
        return print, ("a trap was sprung",)


@pytest.mark.parametrize("content", ["another network", "a trap", "rubbish"])
def test_another_file_is_refused_and_nothing_in_it_runs(tmp_path, capsys, content):
    path = tmp_path / "weights.pth"
    if content == "another network":
        torch.save({"_fc.weight": torch.zeros(1), "_fc.bias": torch.zeros(1), "x": torch.zeros(3)}, path)
    elif content == "a trap":
        path.write_bytes(pickle.dumps({"_fc.weight": Trap()}))
    else:
        path.write_bytes(b"not a file of torch")
    with pytest.raises(DataError, match="the tensors of EfficientNet-lite0"):
        lite0.network(path)
    assert "trap" not in capsys.readouterr().out


@pytest.mark.slow  # the exporter takes ten seconds
def test_the_exported_graph_is_the_network_whatever_the_batch(weights, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    path = tmp_path / "lite0.onnx"
    lite0.export(weights, path)
    assert [one.name for one in tmp_path.iterdir()] == ["lite0.onnx"]  # one file, weights and all
    session, network = _session(path, 1), lite0.network(weights)
    pixels = np.random.default_rng(0).normal(size=(5, 3, 224, 224)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    for rows in (slice(0, 1), slice(0, 5)):
        found = session.run(None, {"pixels": pixels[rows]})[0]
        np.testing.assert_allclose(found, expected[rows], atol=1e-4)
