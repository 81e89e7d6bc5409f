"""Declared expressions checked against the columns they name: kinds, sizes and names, one exact error each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from heptad.declare.expressions import Expression
from heptad.declare.schema import Event, Field, Table
from heptad.declare.types import Kind, Role
from heptad.errors import PlanError
from heptad.plan.nodes import ColumnPlan, ExpressionColumn, Node, RequestColumn

#: What columns of a kind hold; the rest hold numbers.
HOLDS: Final = {
    Kind.TEXTS: "list", Kind.ID: "category", Kind.TEXT: "category", Kind.VECTOR: "vector",
}  # fmt: skip
_NUMERIC: Final = frozenset((
    "add", "sub", "mul", "div", "neg", "abs", "lt", "le", "gt", "ge", "and", "or", "not", "clip", "log1p", "sqrt",
    "distance",
))  # fmt: skip


def expression_column(
    name: str,
    expression: Expression,
    columns: Mapping[str, ColumnPlan],
    request: type[Event],
    thing: str | None = None,
) -> ColumnPlan:
    """The column ``name`` of this expression; ``columns`` are those it may read. Raises PlanError.

    ``thing`` is what an error calls it, where it is no contextual column.
    """
    checked = _Check(thing or f"Data.contextual[{name!r}]", name, columns, request)
    root = checked.node(expression)
    if root.holds not in ("number", "category"):
        checked.refuse(
            "a number or a category", f"{expression}, a {root.holds}",
            "use hp.dot or hp.cosine" if root.holds == "vector" else "use hp.size or hp.contains",
        )  # fmt: skip
    leaves = list(_leaves(root))
    inputs = tuple(dict.fromkeys(str(leaf.value) for leaf in leaves if leaf.op == "column"))
    brings = tuple(dict.fromkeys(str(leaf.value) for leaf in leaves if leaf.op == "request"))
    kind = Kind.FLOAT if root.holds == "number" else checked.category(root)
    source = ExpressionColumn(inputs, brings, root, str(expression))
    return ColumnPlan(name, "contextual", root.holds, kind, source)


def reads(expression: Expression) -> frozenset[str]:
    """The names an expression gives to other columns."""
    return frozenset(leaf.value for leaf in expression.leaves() if leaf.op == "col")


def _leaves(node: Node) -> Iterable[Node]:
    yield node
    for arg in node.args:
        yield from _leaves(arg)


class _Check:
    """One expression on its way into the plan."""

    def __init__(
        self, thing: str, name: str, columns: Mapping[str, ColumnPlan], request: type[Event]
    ) -> None:
        self._thing, self._name, self._columns, self._request = thing, name, columns, request

    def refuse(self, expected: str, got: str, fix: str) -> NoReturn:
        raise PlanError(self._thing, expected, got, fix)

    def node(self, expression: Expression) -> Node:
        """The expression's node, its arguments checked."""
        match expression.op:
            case "col":
                return self._named(expression.value)
            case "field":
                return self._field(expression.value)
            case "calendar":
                return Node("calendar", (), expression.value)
            case "constant":
                return _constant(expression.value)
        args = tuple(self.node(arg) for arg in expression.args)
        return self._operation(expression, args)

    def _operation(self, expression: Expression, args: tuple[Node, ...]) -> Node:
        op = expression.op
        if op in _NUMERIC:
            for written, arg in zip(expression.args, args, strict=True):
                self._must(written, arg, ("number",), op)
            return Node(op, args)
        match op:
            case "eq" | "ne":
                return Node(op, self._alike(expression, expression.args, args))
            case "where":
                self._must(expression.args[0], args[0], ("number",), op)
                both = self._alike(expression, expression.args[1:], args[1:])
                return Node(op, (args[0], *both), None, both[0].holds)
            case "coalesce":
                both = self._alike(expression, expression.args, args)
                return Node(op, both, None, both[0].holds)
            case "is_null":
                return Node(op, args)
            case "cross":
                for written, arg in zip(expression.args, args, strict=True):
                    self._must(written, arg, ("number", "category"), op)
                return Node(op, args, expression.value, "category")
            case "dot" | "cosine":
                return self._vectors(expression, args)
            case "size":
                self._must(expression.args[0], args[0], ("list",), op)
                return Node(op, args)
            case _:
                return self._contains(expression, args)

    def _must(self, written: Expression, arg: Node, holds: tuple[str, ...], op: str) -> None:
        if arg.holds in holds:
            return
        fix = {
            "category": "compare it with == or !=, or combine it with hp.cross",
            "list": "use hp.size or hp.contains",
            "vector": "use hp.dot or hp.cosine",
            "number": "name a column that holds one",
        }[arg.holds]
        self.refuse(f"{' or '.join(holds)} arguments of {op}", f"{written}, a {arg.holds}", fix)

    def _alike(
        self, expression: Expression, written: tuple[Expression, ...], args: tuple[Node, ...]
    ) -> tuple[Node, ...]:
        """Numbers, or categories; a whole number beside a category is an id."""
        for one, arg in zip(written, args, strict=True):
            self._must(one, arg, ("number", "category"), expression.op)
        if any(arg.holds == "category" for arg in args):
            pairs = zip(written, args, strict=True)
            args = tuple(_as_id(one.value) if _is_id(one) else arg for one, arg in pairs)
        if len({arg.holds for arg in args}) > 1:
            kinds = " and ".join(f"{one}, a {arg.holds}" for one, arg in zip(written, args, strict=True))
            self.refuse(
                f"arguments of one kind for {expression.op}", kinds, "make both numbers, or both texts"
            )
        return args

    def _vectors(self, expression: Expression, args: tuple[Node, ...]) -> Node:
        for written, arg in zip(expression.args, args, strict=True):
            if arg.holds != "vector":
                self.refuse(
                    f"vector arguments of {expression.op}", f"{written}, a {arg.holds}",
                    "name columns of hp.Vector",
                )  # fmt: skip
        if args[0].size != args[1].size:
            sizes = " and ".join(f"{w} of {a.size}" for w, a in zip(expression.args, args, strict=True))
            self.refuse("vectors of one size", sizes, "compare embeddings of one model")
        return Node(expression.op, args)

    def _contains(self, expression: Expression, args: tuple[Node, ...]) -> Node:
        values, value = expression.args
        self._must(values, args[0], ("list",), expression.op)
        kind = self._kind_of(args[0])
        wanted = "number" if kind.numeric else "category"
        held = _as_id(value.value) if wanted == "category" and _is_id(value) else args[1]
        if held.holds != wanted:
            self.refuse(
                f"a {wanted} to look for in {values}", f"{value}, a {held.holds}",
                "look for a value of the kind that the list holds",
            )  # fmt: skip
        return Node(expression.op, (args[0], held))

    def _kind_of(self, node: Node) -> Kind:
        if node.op == "column":
            return self._columns[str(node.value)].kind
        return self._request.fields[str(node.value)].kind

    def category(self, node: Node) -> Kind:
        """The kind of a category: ids where one of its values may be a whole number."""
        if node.op in ("column", "request"):
            return self._kind_of(node)
        if node.op == "constant":
            return Kind.TEXT if isinstance(node.value, str) else Kind.ID
        if node.op == "cross":
            return Kind.TEXT if node.value is None else Kind.ID
        kinds = {self.category(arg) for arg in node.args if arg.holds == "category"}
        return Kind.ID if Kind.ID in kinds else Kind.TEXT

    def _named(self, name: str) -> Node:
        column = self._columns.get(name)
        if column is None:
            field = self._request.fields.get(name)
            if field is not None and field.role is not Role.TIME:
                return self._field(field)
            known = sorted({*self._columns, *(f.name for f in self._request.fields.values())} - {self._name})
            close = difflib.get_close_matches(name, known, n=1)
            self.refuse(
                f"a column of Data or of {self._request.__name__}: {', '.join(known)}", f"col({name!r})",
                f"write hp.col({close[0]!r})" if close else "declare it in Data, or use one of them",
            )  # fmt: skip
        if column.kind is Kind.TIME:
            self.refuse(
                "a column of numbers, categories, lists or vectors", f"col({name!r}), a time", _OF_TIME
            )
        if isinstance(column.source, RequestColumn) and column.source.name in self._request.fields:
            return self._field(self._request.fields[column.source.name])
        return Node("column", (), name, column.holds, column.size)

    def _field(self, field: Field) -> Node:
        if field.owner is not self._request:
            table = isinstance(field.owner, type) and issubclass(field.owner, Table)
            self.refuse(
                f"a column of {self._request.__name__}, the request's event", str(field),
                f"declare static=dict({field.name}={field}), and write hp.col({field.name!r})" if table
                else f"declare an aggregate of {field.owner.__name__} in Data.dynamic, and write hp.col('name')",
            )  # fmt: skip
        if field.kind is Kind.TIME:
            self.refuse("a column known as a number, category, list or vector", f"{field}, a time", _OF_TIME)
        return Node("request", (), field.name, HOLDS.get(field.kind, "number"), field.size)


_OF_TIME: Final = "use hp.hour(), hp.weekday() or a since_last aggregate"


def _constant(value: str | float) -> Node:
    if isinstance(value, str):
        return Node("constant", (), value, "category")
    return Node("constant", (), float(value) + 0.0)


def _is_id(written: Expression) -> bool:
    return written.op == "constant" and type(written.value) is int


def _as_id(value: int) -> Node:
    return Node("constant", (), value, "category")
