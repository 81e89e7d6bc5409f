"""The seven steps of a new system, as the text of its ``system.py``."""

from __future__ import annotations

from collections.abc import Iterable

from heptad.run.scaffold.columns import Shape
from heptad.run.scaffold.roles import words_of
from heptad.run.scaffold.sketch import Column, Sketch

_REPEATS_ARE_COMMON = 0.05  #: share of events above which a user is shown again what they had


def system_text(s: Sketch) -> str:
    """``system.py``: formatted as ruff formats it at 110 columns, and complete."""
    parts = [_head(s)]
    if s.attributes:
        parts.append(_table(s))
    parts += [_event(s), _label(s), _system(s)]
    return "\n\n\n".join(parts) + "\n"


def _head(s: Sketch) -> str:
    question = (
        f"which {' '.join(words_of(s.item.name))} should this {' '.join(words_of(s.user.name))} see next?"
    )
    return f'"""{s.name.replace("_", " ").capitalize()}: {question}"""\n\nimport heptad as hp'


def _table(s: Sketch) -> str:
    lines = [f"class {s.table}(hp.Table):", f"    {s.item.name}: hp.Id"]
    return "\n".join([*lines, *(f"    {a.name}: {a.annotation}" for a in s.attributes)])


def _event(s: Sketch) -> str:
    lines = [f"class {s.event}(hp.Event):"]
    for column in (s.key, s.time, s.user, s.item, s.outcome, *s.means):
        if column is not None:
            lines.append(f"    {column.name}: {column.annotation}")
    for attribute in s.categories:
        kind = attribute.annotation.removesuffix(" | None")
        lines.append(f"    {attribute.name}: {kind} = hp.lookup({s.table}.{attribute.name})")
    return "\n".join(lines)


def _label(s: Sketch) -> str:
    if s.outcome is None or s.positive is None:
        return f"relevant = hp.label({s.event})  # every event is one to bring about"
    return f"relevant = hp.label({s.event}, where={_condition(s)})"


def _condition(s: Sketch) -> str:
    if s.outcome is None or s.positive is None:
        return ""
    bound = f'"{s.positive.bound}"' if isinstance(s.positive.bound, str) else repr(s.positive.bound)
    return f"{s.event}.{s.outcome.name} {s.positive.op} {bound}"


def _system(s: Sketch) -> str:
    user, item, event = s.user.name, s.item.name, s.event
    per_both = _repeats(s)
    windows = _quoted(s.windows)
    columns = s.events.columns[s.item.source]
    sources = [f"hp.EASE({min(150, columns.distinct)})"] if columns.distinct <= 10_000 else []
    sources += [f"hp.CoVisited({min(100, columns.distinct)})", f"hp.Popular({min(100, columns.distinct)})"]
    scores = (["ease"] if columns.distinct <= 10_000 else []) + ["covisited", "popular"]
    static = [f'"{_static(a)}": {s.table}.{a.name},' for a in s.attributes]
    dynamic = [
        f'"had": {event}.per("{user}").last("{item}", n={s.history}),',
        f'"user_count": {event}.per("{user}").count({windows}),',
        f'"user_since": {event}.per("{user}").since_last(),',
        f'"item_count": {event}.per("{item}").count({windows}),',
        f'"item_since": {event}.per("{item}").since_last(),',
    ]
    if per_both:
        dynamic.append(f'"both_count": {event}.per("{user}", "{item}").count("all"),')
        dynamic.append(f'"both_since": {event}.per("{user}", "{item}").since_last(),')
    dynamic += [
        f'"{side}_mean_{mean.name}": {event}.per("{key}").mean("{mean.name}", {_quoted(s.windows[-2:])}),'
        for mean in (*_graded(s), *s.means)
        for side, key in (("user", user), ("item", item))
    ]
    if s.outcome is not None and s.positive is not None:
        dynamic.append(_rate(s, item, s.positive.share))
    dynamic += [
        f'"taste_{a.name}": {event}.per("{user}", "{a.name}").count({_quoted(s.windows[-2:])}),'
        for a in s.categories
    ]
    gate = ['hp.ndcg(10) > hp.baseline("popular"),', "hp.ndcg(10) >= hp.champion,"]
    candidates = min(200, columns.distinct)
    lines = [
        f"{s.name} = hp.System(",
        "    requirements=hp.Requirements(",
        '        p99="50ms",',
        f"        candidates={candidates},",
        "        qps=20,",
        '        freshness="1s",',
        f"        shown={min(10, candidates)}," if candidates < 10 else "",
        f'        kpi=hp.KPI("relevant {" ".join(words_of(item))} among the ten shown", hp.count(where=relevant)),',
        "    ),",
        f"    framing=hp.Ranking(item={event}.{item}, user={event}.{user}, objective=hp.LogLoss(relevant)),",
        "    data=hp.Data(",
        *_group("static", static),
        *_group("dynamic", dynamic),
        *_group(
            "contextual",
            [
                '"hour": hp.hour(),',
                '"weekday": hp.weekday(),',
                *(f'"{n}": hp.source_score("{n}"),' for n in scores),
            ],
        ),
        "    ),",
        "    model=hp.GBDT(),",
        "    evaluation=hp.Evaluation(",
        "        hp.TimeSplit(test=0.2),",
        f"        gate=[{' '.join(gate).removesuffix(',')}],",
        "    ),",
        "    serving=hp.Serving(",
        f"        candidates=[{', '.join(sources)}],",
        '        history="had",',
        "        rerank=[hp.Unseen()],"
        if not per_both
        else "        rerank=[],  # people come back for what they had",
        "        fallback=hp.Popular(),",
        "    ),",
        '    monitoring=hp.Monitoring(retrain=[hp.Daily("03:00"), hp.OnDrift()], canary=0.05),',
        ")",
    ]
    return "\n".join(line for line in lines if line)


def _repeats(s: Sketch) -> bool:
    """Whether people come back for the same item often enough to count it, and to show it again."""
    return s.repeats > _REPEATS_ARE_COMMON


def _graded(s: Sketch) -> tuple[Column, ...]:
    """The outcome where its mean says more than the rate of positives does."""
    graded = s.outcome is not None and s.outcome.facts.shape in (Shape.WHOLE, Shape.NUMBER)
    return (s.outcome,) if s.outcome is not None and graded and s.outcome.facts.distinct > 2 else ()


def _static(attribute: Column) -> str:
    """The feature's name; a taste needs the attribute's own, since its key is looked up by it."""
    taken = {"had", "hour", "weekday", "ease", "covisited", "popular"}
    if attribute.facts.shape in (Shape.TEXT, Shape.TEXTS) or attribute.name not in taken:
        return attribute.name
    return f"item_{attribute.name}"


def _rate(s: Sketch, item: str, share: float) -> str:
    return "\n".join(
        [
            '"item_positive": hp.rate(',
            f'    {s.event}.per("{item}").where({_condition(s)}),',
            f'    {s.event}.per("{item}"),',
            f'    per="{item}",',
            f"    over=({_quoted(s.windows[-2:])}{',' if len(s.windows[-2:]) == 1 else ''}),",
            f"    prior={round(share, 2)},",
            "    strength=10,",
            "),",
        ]
    )


def _group(name: str, features: list[str]) -> list[str]:
    if not features:
        return []
    inner = [f"            {line}" for feature in features for line in feature.splitlines()]
    return [f"        {name}={{", *inner, "        },"]


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts)
