"""A deployment whose decisions are made again, and a copy that a test may spoil."""

from __future__ import annotations

import pytest
from why_tiny import Tiny, deployed


@pytest.fixture(scope="session")
def asked(tmp_path_factory) -> Tiny:
    return deployed(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def mine(asked, tmp_path) -> Tiny:
    return asked.copied(tmp_path / "copy")
