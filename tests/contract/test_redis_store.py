"""The store at a Redis server keeps the contract of every store, on a real server."""

import pytest

from heptad.state.stores.redis import RedisStore
from heptad.testing.servers import RedisServer
from heptad.testing.store_contract import StoreContract


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


class TestRedisStore(StoreContract):
    @pytest.fixture
    def opener(self, server, request):
        name = request.node.name.replace("[", " ").replace("]", "")
        return lambda state_hash: RedisStore(server.url(name), state_hash)
