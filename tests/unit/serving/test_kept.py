"""A decision cut to what was shown says of every other value whether it is the same, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.run.why.compare import differences
from heptad.serving.decision import Decision, decode, encode
from heptad.serving.kept import FEW, digests, kept, unlike

M, COLUMNS = 40, ["price", "age"]
MINUS_NAN = np.array([-(2**51)], np.int64).view(np.float64)[0]  #: another NaN than numpy's


def decided(seed=0, m=M, shown=(7, 3, 11), **changes):
    draw = np.random.default_rng(seed)
    numbers = np.where(draw.random((m, 2)) < 0.2, np.nan, draw.normal(size=(m, 2)))
    decision = Decision(
        request_id="r", t=5, offsets={0: 1}, user=1, context={}, history=[9], items=[f"i{at}" for at in range(m)],
        shown=list(shown), scores=draw.random(m), p=draw.random(m), flags={}, model_version="v", plan_hash="h",
        took_us={}, sources={"ease": draw.random(m), "score": draw.random(m)}, columns=COLUMNS, numbers=numbers,
        categories={"maker": [None if at % 5 == 0 else f"m{at % 3}" for at in range(m)]},
        lists={"tags": [None if at % 7 == 0 else ("x",) * (at % 3) for at in range(m)]}, n=3,
    )  # fmt: skip
    return replace(decision, **changes)


def test_values_are_kept_of_what_was_shown_and_ids_of_all():
    whole = decided()
    cut = decode(encode(kept(whole)))
    assert (cut.items, cut.shown, cut.candidates) == (["i7", "i3", "i11"], [0, 1, 2], whole.items)
    for place, at in enumerate(whole.shown):
        assert cut.numbers[place].tobytes() == whole.numbers[at].tobytes()
        assert (cut.p[place], cut.scores[place]) == (whole.p[at], whole.scores[at])
        assert cut.sources["ease"][place] == whole.sources["ease"][at]
        assert cut.categories["maker"][place] == whole.categories["maker"][at]
        assert cut.lists["tags"][place] == whole.lists["tags"][at]
    assert cut.digests == digests(whole)
    assert tuple(cut.digests) == whole.parts == cut.parts


def test_few_candidates_are_kept_whole():
    assert kept(decided(m=FEW + 3)).digests == {}
    assert kept(decided(m=FEW + 4)).digests != {}
    case = decided(m=1, shown=())
    assert kept(case) is case


def test_what_was_cut_is_cut_once():
    cut = kept(decided())
    assert kept(cut) is cut


def test_the_same_decision_has_no_differences():
    cut = decode(encode(kept(decided())))
    assert unlike(cut, decided()) == {}
    assert differences(cut, decided()) == []


@given(seed=st.integers(0, 9), row=st.integers(0, M - 1), which=st.sampled_from(decided().parts))
def test_one_value_changed_anywhere_is_told_by_its_column(seed, row, which):
    whole = decided(seed)
    found = differences(kept(whole), changed(whole, which, row))
    part, name = which
    assert [one.part for one in found] == [part]
    where = whole.items[row] if row in whole.shown else "candidates not shown"
    assert found[0].where == f"{name} of {where}"


def changed(decision, which, row):
    """The decision with one bit, or one object, changed."""
    part, name = which
    if name in ("p", "score") and part == "model":
        held = {"p": "p", "score": "scores"}[name]
        return replace(decision, **{held: bit(getattr(decision, held), row)})
    if part == "candidates":
        name = name.removeprefix("score of ")
        return replace(decision, sources={**decision.sources, name: bit(decision.sources[name], row)})
    if name in COLUMNS:
        numbers = decision.numbers.copy()
        numbers[:, COLUMNS.index(name)] = bit(numbers[:, COLUMNS.index(name)], row)
        return replace(decision, numbers=numbers)
    held = "categories" if name == "maker" else "lists"
    values = list(getattr(decision, held)[name])
    values[row] = "another" if name == "maker" else ("another",)
    return replace(decision, **{held: {name: values}})


def bit(column, row):
    out = column.copy()
    out[row] = 1.0 if np.isnan(out[row]) else np.nextafter(out[row], np.inf)
    return out


def test_a_missing_number_is_one_value_whatever_its_bits():
    whole = decided()
    other = whole.numbers.copy()
    other[np.isnan(other)] = MINUS_NAN
    assert other.tobytes() != whole.numbers.tobytes()
    assert differences(kept(whole), replace(whole, numbers=other)) == []


def test_other_candidates_are_told_by_their_ids():
    whole = decided()
    found = differences(kept(whole), replace(whole, items=[*whole.items[:-1], "stranger"]))
    assert [(one.part, one.where) for one in found] == [("candidates", f"number {M}")]


def test_hundreds_of_candidates_take_a_tenth_of_the_room():
    draw = np.random.default_rng(0)
    whole = decided(
        m=500, shown=range(20), columns=[f"c{n}" for n in range(50)], numbers=draw.random((500, 50)),
    )  # fmt: skip
    assert len(encode(kept(whole))) < len(encode(whole)) / 10
