"""Every error heptad raises on purpose: it names the thing, what was expected, what came, and the fix."""

from __future__ import annotations


class HeptadError(Exception):
    """An error a user can act on.

    Parameters
    ----------
    thing: what is wrong, by the name its author gave it (``Data.dynamic['ad_ctr']``).
    expected: what heptad needed there.
    got: what came instead.
    fix: one imperative sentence that mends it.

    >>> print(HeptadError("window '1x'", "a duration such as '30m'", "'1x'", "write '1h' or '1d'"))
    window '1x': expected a duration such as '30m', got '1x'. Fix: write '1h' or '1d'.
    """

    def __init__(self, thing: str, expected: str, got: object, fix: str) -> None:
        self.thing, self.expected, self.got, self.fix = thing, expected, str(got), fix
        super().__init__(f"{thing}: expected {expected}, got {self.got}. Fix: {fix}.")

    def __reduce__(self) -> tuple[type[HeptadError], tuple[str, str, str, str]]:
        return type(self), (self.thing, self.expected, self.got, self.fix)


class DeclarationError(HeptadError):
    """A declaration that cannot mean anything; raised where it is written."""


class PlanError(HeptadError):
    """A declaration that is fine by itself but cannot be compiled to a plan."""


class DataError(HeptadError):
    """Data that does not fit its schema, or a file that is not what it should be."""


class StateError(HeptadError):
    """A store or log that cannot be trusted: another plan's, a damaged record, a failed fsync."""


class ReadError(HeptadError):
    """A read that cannot be answered here (for example a named time behind the frontier)."""


class MissingExtra(HeptadError, ImportError):
    """A part of heptad whose optional dependency is not installed."""

    @classmethod
    def of(cls, feature: str, module: str, extra: str) -> MissingExtra:
        return cls(feature, f"the package {module!r}", "no such package", f"pip install 'heptad[{extra}]'")
