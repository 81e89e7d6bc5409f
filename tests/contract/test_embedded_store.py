"""The LMDB store keeps the contract of every store."""

import pytest

from heptad.state.stores.embedded import EmbeddedStore
from heptad.testing.store_contract import StoreContract


class TestEmbeddedStore(StoreContract):
    @pytest.fixture
    def opener(self, tmp_path):
        return lambda state_hash: EmbeddedStore(tmp_path / "state", state_hash)
