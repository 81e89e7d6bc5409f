"""The seven-step design document: what a system states, and beside it what its last run measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from heptad.dashboard.markdown import listed, name, plain, table
from heptad.dashboard.numbers import (
    between,
    lower_is_better,
    milliseconds,
    part_of,
    score,
    significant,
    whole,
)
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import in_order, primary_metric, subject_model

_COLUMNS = ("name", "aggregation", "stream", "keys", "window", "hop", "bytes")


def design_markdown(declaration: Mapping[str, Any], summary: Mapping[str, Any] | None) -> str:
    """The design document of a declared system, in Markdown.

    ``declaration`` describes the System in plain data: ``name``, ``doc`` and one object per step
    (``requirements``, ``framing``, ``data`` with ``static``, ``dynamic`` and ``contextual``, ``model``,
    ``evaluation``, ``serving``, ``monitoring``). ``summary`` is the run summary of the last run, or None:
    then every measured cell says how to get it. Equal arguments give equal text.
    """
    system, run = Part(declaration, "declaration"), Part(summary or {}, "summary")
    missing = (
        "not measured by the last run"
        if summary
        else f"not measured yet: run `heptad run {_command(system)}`"
    )
    pieces = [
        f"# {plain(system.text('name') or 'system')}: design",
        plain(system.text("doc")),
        _measured_by(run) or f"Measured numbers: {missing}.",
        *_requirements(system.part("requirements"), run, missing),
        *_framing(system.part("framing"), run),
        *_data(system.part("data"), run, missing),
        *_model(system.part("model"), run, missing),
        *_evaluation(system.part("evaluation"), run, missing),
        *_serving(system.part("serving"), run, missing),
        *_monitoring(system.part("monitoring"), run, missing),
    ]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def _command(system: Part) -> str:
    return plain(system.text("name")) or "NAME"


def _measured_by(run: Part) -> str:
    """Which run the numbers come from."""
    if not run:
        return ""
    facts = [
        f"the run of {plain(run.text('created'))}" if run.text("created") else "the last run",
        f"heptad {plain(run.text('version'))}" if run.text("version") else "",
        f"plan {name(run.text('plan_hash')[:12])}" if run.text("plan_hash") else "",
    ]
    return f"Measured numbers: {', '.join(fact for fact in facts if fact)}."


def _stated(part: Part, skip: Iterable[str] = ()) -> str:
    """What a step states, one line per argument."""
    return listed((plain(key), plain(part.data[key])) for key in part.names() if key not in skip)


def _measured(text: str, missing: str) -> str:
    return f"Measured: {text or missing}."


def _requirements(part: Part, run: Part, missing: str) -> list[str]:
    """Step 1: each number beside its measurement, and the numbers only the run has."""
    measured = {row.text("name"): row for row in run.parts("requirements")}
    names = list(dict.fromkeys([*part.names(), *measured]))
    holds = {True: "yes", False: "**no**", None: "not known"}
    rows = []
    for key in names:
        row = measured.get(key, Part({}))
        stated = plain(part.data[key]) if key in part.data else plain(row.text("target"))
        found = plain(row.text("measured")) or (_kpi(run) if key == "kpi" else "") or missing
        rows.append([plain(key), stated, found, holds[row.flag("holds")]])
    body = table(["requirement", "stated", "measured", "holds"], rows) if rows else "None are stated."
    return ["## 1 Requirements", body]


def _kpi(run: Part) -> str:
    """The KPI of the model under test, which a run reports apart from the other requirements."""
    kpi = run.part("kpi")
    value = kpi.part("by_model").part(subject_model(run)).number("kpi")
    return "" if value is None else f"{significant(value, 4)} {plain(kpi.text('unit'))}".strip()


def _framing(part: Part, run: Part) -> list[str]:
    """Step 2, with the KPI beside the loss."""
    kpi = run.part("kpi")
    models = kpi.part("by_model")
    rows = [
        [plain(model), score(values.number("loss")), significant(values.number("kpi"), 4)]
        for model, values in models.named()
    ]
    title = plain(kpi.text("name")) or "KPI"
    beside = table(["model", "loss:", f"{title}:"], rows) if rows else ""
    said = [f"* {plain(line)}" for line in kpi.texts("disagreements")]
    return ["## 2 Framing", _stated(part), beside, "\n".join(said)]


def _data(part: Part, run: Part, missing: str) -> list[str]:
    """Step 3: the data, and its features by kind with what each costs."""
    data, rows = run.part("data"), run.part("rows")
    counted = ", ".join(f"{plain(key)} {whole(rows.number(key))}" for key in rows.names())
    known = listed(
        (title, plain(data.text(key)))
        for title, key in (("Data set", "name"), ("Licence", "licence"), ("Citation", "citation"))
    )
    return [
        "## 3 Data and features",
        _stated(part, skip=("static", "dynamic", "contextual")),
        known,
        _measured(counted, missing),
        "### Static",
        _features(part, "static"),
        "### Dynamic",
        _dynamic(part),
        "### Contextual",
        _features(part, "contextual"),
    ]


def _features(part: Part, kind: str) -> str:
    """Features that are only named, or named and described."""
    held = part.data.get(kind) or ()
    lines = [
        f"* {name(one.get('name', ''))}: {plain({k: v for k, v in one.items() if k != 'name'})}".removesuffix(
            ": "
        )
        if isinstance(one, Mapping)
        else f"* {name(one)}"
        for one in held
    ]
    return "\n".join(lines) or "None."


def _dynamic(part: Part) -> str:
    """Windows over streams: what is counted, for whom, how far back, and in how many bytes per key."""
    features = part.parts("dynamic")
    if not features:
        return "None."
    rows = []
    total = 0.0
    for feature in features:
        cells = [plain(feature.data.get(column, "")) for column in _COLUMNS[1:-1]]
        size = feature.number("bytes")
        total += size or 0.0
        rows.append([name(feature.text("name")), *cells, "" if size is None else whole(size)])
    sums = f"State: {whole(total)} bytes for one key of each feature." if total else ""
    return "\n\n".join(piece for piece in (table([*_COLUMNS[:-1], "bytes per key:"], rows), sums) if piece)


def _model(part: Part, run: Part, missing: str) -> list[str]:
    """Step 4: the model, and every contender's scores."""
    measured, own = run.part("metrics"), subject_model(run)
    metrics = list(dict.fromkeys(key for _, values in measured.named() for key in values.names()))
    rows = [
        [plain(model), *(score(measured.part(model).number(metric)) for metric in metrics)]
        for model in in_order(measured.names(), own)
    ]
    heads = [f"{plain(metric)} {'↓' if lower_is_better(metric) else '↑'}:" for metric in metrics]
    body = table(["model", *heads], rows) if rows else _measured("", missing)
    return ["## 4 Model", _stated(part), body]


def _evaluation(part: Part, run: Part, missing: str) -> list[str]:
    """Step 5: the gate's verdict with its reasons, the slices, and offline against replayed."""
    gate = run.part("gate")
    passed = gate.flag("passed")
    said = "" if passed is None else "the gate passed" if passed else "the gate refused the model"
    checks = [
        [
            plain(check.text("check")),
            significant(check.number("measured"), 4),
            "passed" if check.flag("passed") else "refused",
            plain(check.text("why")),
        ]
        for check in gate.parts("checks")
    ]
    metric, own = primary_metric(run), subject_model(run)
    slices = [
        [
            plain(key),
            whole(one.number("n")),
            score(one.part("metrics").part(own).number(metric)),
            between(one.part("intervals").part(own).interval(metric)),
        ]
        for key, one in run.part("slices").named()
    ]
    disease = run.part("disease")
    ways = [
        [plain(row.text("name")), score(row.number("offline")), score(row.number("replayed"))]
        for row in disease.parts("rows")
    ]
    return [
        "## 5 Evaluation",
        _stated(part),
        _measured(said, missing),
        table(["check", "measured:", "verdict", "why"], checks) if checks else "",
        table(["slice", "n:", f"{plain(metric)}:", "95 % interval"], slices) if slices else "",
        table(["features computed by", f"{plain(disease.text('metric'))} offline:", "replayed:"], ways)
        if ways
        else "",
    ]


def _serving(part: Part, run: Part, missing: str) -> list[str]:
    """Step 6: latency, its stages, and the audit of what was served."""
    latency, audit = run.part("latency_ms"), run.part("audit")
    times = [
        f"{key} {milliseconds(value)} ms"
        for key in ("p50", "p99", "max")
        if (value := latency.number(key)) is not None
    ]
    requests = (
        f" over {whole(latency.number('requests'))} requests"
        if latency.number("requests") is not None
        else ""
    )
    stages = [
        [plain(key), milliseconds(stage.number("p50")), milliseconds(stage.number("p99"))]
        for key, stage in latency.part("stages").named()
    ]
    return [
        "## 6 Serving",
        _stated(part),
        _measured(", ".join(times) + requests if times else "", missing),
        table(["stage", "p50, ms:", "p99, ms:"], stages) if stages else "",
        _audited(audit),
    ]


def _audited(audit: Part) -> str:
    compared, equal = audit.number("compared"), audit.number("equal")
    if not compared:
        return ""
    share = f" ({part_of(equal, compared)} equal to the last bit)" if equal is not None else ""
    wrong = f"{whole(audit.number('mismatches'))} wrong, {whole(audit.number('late'))} changed by late events"
    faults = [
        f"* planted {plain(fault.text('fault'))}: {'found' if fault.flag('found') else '**missed**'}"
        for fault in audit.parts("planted")
    ]
    return "\n".join(
        [f"Audit: {whole(compared)} served values recomputed{share}, {wrong}.", "", *faults]
    ).rstrip()


def _monitoring(part: Part, run: Part, missing: str) -> list[str]:
    """Step 7: what drifted, and what was done about it."""
    drift = run.part("drift")
    columns = drift.parts("columns")
    moved = [name(column.text("name")) for column in columns if column.flag("drifted")]
    said = f"{len(moved)} of {len(columns)} columns drifted" + (f" ({', '.join(moved)})" if moved else "")
    events = [
        [plain(event.text("time")), plain(event.text("what")), plain(event.text("detail"))]
        for event in drift.parts("events")
    ]
    return [
        "## 7 Monitoring and retraining",
        _stated(part),
        _measured(said if columns else "", missing),
        table(["time", "what", "detail"], events) if events else "",
    ]
