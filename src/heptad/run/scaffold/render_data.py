"""How a new system reads a person's file, as the text of its ``data.py``."""

from __future__ import annotations

import os
from pathlib import Path

from heptad.run.scaffold.columns import NULLS, File, Shape, Written
from heptad.run.scaffold.roles import words_of
from heptad.run.scaffold.sketch import Column, Sketch

_ARROW = {
    Shape.WHOLE: "pa.int64()", Shape.NUMBER: "pa.float64()", Shape.TRUTH: "pa.bool_()",
    Shape.TEXT: "pa.string()", Shape.TEXTS: "pa.list_(pa.string())",
}  # fmt: skip
_TO_MICROSECONDS = {Written.SECONDS: "1_000_000", Written.MILLISECONDS: "1_000", Written.MICROSECONDS: "1"}


def functions(s: Sketch) -> dict[str, str]:
    """Class -> the function of ``data.py`` that returns its rows."""
    events = _function(s.events.path.stem, "events")
    if not s.attributes:
        return {s.event: events}
    items = (
        _function(s.items.path.stem, "items") if s.items is not None else f"{_function(s.item.name, 'item')}s"
    )
    return {s.table: items if items != events else "items", s.event: events}


def data_text(s: Sketch, directory: Path) -> str:
    """``data.py``: one function per class; formatted as ruff formats it at 110 columns."""
    files = dict.fromkeys(f for f in (s.events, s.items) if f is not None and (f is s.events or s.attributes))
    names = {s.events: "EVENTS", s.items: "ITEMS"}
    paths = [f'{names[f]} = Path(__file__).parent / "{os.path.relpath(f.path, directory)}"' for f in files]
    kinds = list(dict.fromkeys(f.kind for f in files))
    parts = ["\n".join([*paths, *_constants(s)]), _events(s)]
    if s.attributes:
        parts.append(_items(s))
    parts += [_READERS[kind] for kind in kinds]
    parts += [_times(s)] if s.time.facts.shape is Shape.TEXT else []
    parts += [_STAMPS] if s.time.facts.times is Written.STAMPED_NAIVE else []
    said = " and ".join(f.path.name for f in files)
    head = f'"""Where the data comes from: {said}, as Arrow tables."""\n\n{_imports(s, kinds)}\n\n'
    return head + "\n\n\n".join(parts) + "\n"


def _function(stem: str, otherwise: str) -> str:
    name = "_".join(word for word in words_of(stem) if not word.isdigit()) or otherwise
    return f"{name}_" if name in ("pa", "pc", "csv", "json", "parquet", "path", "list", "dict") else name


def _imports(s: Sketch, kinds: list[str]) -> str:
    written = s.time.facts.times
    standard = ["from pathlib import Path"]
    if "jsonl" in kinds:
        standard.append("import json")
    if s.time.facts.shape is Shape.TEXT:
        utc = s.zone == "UTC" or not _needs_zone(s)
        standard.append("from datetime import UTC, datetime, timedelta")
        if not utc:
            standard.append("from zoneinfo import ZoneInfo")
    arrow = ["import pyarrow as pa"]
    if written in (*_TO_MICROSECONDS, Written.STAMPED_NAIVE):
        arrow.append("import pyarrow.compute as pc")
    files = [kind for kind in ("csv", "parquet") if kind in kinds]
    if files:
        arrow.append(f"from pyarrow import {', '.join(files)}")
    standard.sort(key=lambda line: (line.startswith("from"), line))
    return "\n".join(standard) + "\n\n" + "\n".join(arrow)


def _needs_zone(s: Sketch) -> bool:
    return s.time.facts.times is not None and s.time.facts.times.needs_zone


def _constants(s: Sketch) -> list[str]:
    if s.time.facts.times is Written.STAMPED_NAIVE:
        return [f'ZONE = "{s.zone}"  # of the times: nothing in the file says which']
    if s.time.facts.shape is not Shape.TEXT:
        return []
    lines = ["EPOCH = datetime(1970, 1, 1, tzinfo=UTC)"]
    if _needs_zone(s):
        zone = "UTC" if s.zone == "UTC" else f'ZoneInfo("{s.zone}")'
        lines.append(f"ZONE = {zone}  # of the times that name none: nothing in the file says which")
    return lines


def _read(file: File, name: str, columns: list[Column]) -> str:
    """The call that reads some columns of a file."""
    typed = file.kind == "csv"
    cells = [f"{_quote(c.source)}: {_ARROW[c.facts.shape]}" if typed else _quote(c.source) for c in columns]
    inner = "\n".join(f"            {cell}," for cell in cells)
    left, right = "{}" if typed else "[]"
    return f"_{file.kind}(\n        {name},\n        {left}\n{inner}\n        {right},\n    )"


def _events(s: Sketch) -> str:
    columns = [c for c in (s.key, s.time, s.user, s.item, s.outcome, *s.means) if c is not None]
    function = functions(s)[s.event]
    lines = [
        f"def {function}():",
        f'    """Arrow table of the {function.replace("_", " ").strip()}, oldest first."""',
        f"    rows = {_read(s.events, 'EVENTS', columns)}",
    ]
    empty = [c for c in (s.key, s.time, s.user, s.item) if c is not None and c.facts.nulls]
    for column in empty:
        note = f"  # {column.facts.nulls:,} rows say nothing here"
        lines.append(f"    rows = rows.filter(rows[{_quote(column.source)}].is_valid()){note}")
    cells = [f"            {_quote(c.name)}: {_cell(c, s, s.events.kind == 'csv')}," for c in columns]
    lines += ["    table = pa.table(", "        {", *cells, "        }", "    )"]
    return "\n".join([*lines, f"    return table.sort_by({_quote(s.time.name)})"])


def _items(s: Sketch) -> str:
    file = s.attributes_of
    from_events = s.items is None
    source = s.item.source if from_events else s.items_key
    facts = s.item.facts if from_events else file.columns[source]
    shape = s.item.facts.shape
    key = Column(s.item.name, type(facts)(source, shape, facts.rows, facts.nulls, facts.distinct), "hp.Id")
    columns = [key, *s.attributes]
    function = functions(s)[s.table]
    title = function.replace("_", " ").strip()
    said = (
        f"what every event of one says of it (it never differs in {file.path.name})"
        if from_events
        else "one row each"
    )
    lines = [
        f"def {function}():",
        f'    """Arrow table of the {title}: {said}."""',
        f"    rows = {_read(file, 'EVENTS' if from_events else 'ITEMS', columns)}",
    ]
    if from_events:
        lines.append(f"    by_id = {{row[{_quote(source)}]: row for row in rows.to_pylist()}}")
        if facts.nulls:
            lines.append("    by_id.pop(None, None)")
        lines.append("    rows = pa.Table.from_pylist(list(by_id.values()), rows.schema)")
    cells = [f"            {_quote(c.name)}: {_cell(c, s, file.kind == 'csv')}," for c in columns]
    return "\n".join([*lines, "    return pa.table(", "        {", *cells, "        }", "    )"])


def _cell(column: Column, s: Sketch, typed: bool) -> str:
    """A column of ``rows`` as the class wants it; ``typed`` where it was read as its own type."""
    raw = f"rows[{_quote(column.source)}]"
    if column is s.time:
        return _time_cell(raw, s)
    wanted = {"int": "pa.int64()", "float": "pa.float64()", "str": "pa.string()"}.get(
        column.annotation.removesuffix(" | None"), _ARROW[column.facts.shape]
    )
    return raw if typed and wanted == _ARROW[column.facts.shape] else f"{raw}.cast({wanted})"


def _time_cell(raw: str, s: Sketch) -> str:
    written = s.time.facts.times
    if written in (Written.ZONED, Written.NAIVE, Written.MIXED, Written.STAMPED_NAIVE):
        return f"_microseconds({raw})"
    if written is Written.STAMPED:
        return f'{raw}.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())'
    factor = _TO_MICROSECONDS[written or Written.SECONDS]
    if s.time.facts.shape is Shape.NUMBER:
        return f"pc.round(pc.multiply({raw}, {factor}.0)).cast(pa.int64())"
    return f"pc.multiply({raw}.cast(pa.int64()), {factor})"


def _times(s: Sketch) -> str:
    lines = ["def _microseconds(texts):"]
    if _needs_zone(s):
        lines += [
            '    """Microseconds UTC of ISO 8601 times; one without a zone is taken to be in ZONE."""',
            "    times = (datetime.fromisoformat(text) for text in texts.to_pylist())",
            "    zoned = (time if time.tzinfo else time.replace(tzinfo=ZONE) for time in times)",
        ]
    else:
        lines += [
            '    """Microseconds UTC of ISO 8601 times, each with a zone of its own."""',
            "    zoned = (datetime.fromisoformat(text) for text in texts.to_pylist())",
        ]
    last = "    return pa.array([(time - EPOCH) // timedelta(microseconds=1) for time in zoned], pa.int64())"
    return "\n".join([*lines, last])


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_STAMPS = '''def _microseconds(stamps):
    """Microseconds UTC of timestamps in ZONE; an hour that a change of clocks repeats is taken as its first."""
    local = stamps.cast(pa.timestamp("us"), safe=False)
    zoned = pc.assume_timezone(local, ZONE, ambiguous="earliest", nonexistent="latest")
    return zoned.cast(pa.int64())'''
_NULLS = ", ".join(_quote(null) for null in NULLS)
_READERS = {
    "csv": f'''def _csv(path, types):
    """The named columns of a CSV file, each read as its type; what stands for nothing is null."""
    nothing = [{_NULLS}]
    options = csv.ConvertOptions(
        include_columns=list(types), column_types=types, strings_can_be_null=True, null_values=nothing
    )
    return csv.read_csv(path, convert_options=options)''',
    "parquet": '''def _parquet(path, columns):
    """The named columns of a Parquet file."""
    return parquet.read_table(path, columns=columns)''',
    "jsonl": '''def _jsonl(path, columns):
    """The named columns of a file with one JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})''',
}
