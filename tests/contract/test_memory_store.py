"""The memory store keeps the contract of every store."""

import pytest

from heptad.state.stores.memory import MemoryStore
from heptad.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def opener(self):
        """A memory store's place is the object itself."""
        stores = {}
        return lambda state_hash: stores.setdefault(state_hash, MemoryStore(state_hash))
