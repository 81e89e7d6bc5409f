"""What `import heptad` offers is announced in `__all__`, resolves, and explains itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest

import heptad
from heptad.errors import DataError

ANNOUNCED: list[str] = list(vars(heptad).get("__all__", ()))


def explanation(value: object) -> str:
    """The docstring somebody wrote for a function, class or module, or for the class of another value."""
    itself = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    owner = value if itself else type(value)
    text = owner.__doc__ or ""
    by_dataclass = text.startswith(f"{owner.__name__}(")
    return "" if by_dataclass else text.strip()


@pytest.mark.parametrize("name", [name for name in ANNOUNCED if not name.startswith("__")])
def test_a_public_name_resolves_and_explains_itself(name):
    assert explanation(getattr(heptad, name)), f"heptad.{name} has no docstring"


def test_no_public_name_is_announced_twice():
    assert sorted(set(ANNOUNCED)) == sorted(ANNOUNCED)


def test_a_missing_docstring_would_be_noticed():
    @dataclass
    class Silent:
        x: int

    assert not explanation(Silent)
    assert not explanation(Silent(1))
    assert not explanation(lambda: None)
    assert explanation(DataError)
