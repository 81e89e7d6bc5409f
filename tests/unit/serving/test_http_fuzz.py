"""Whatever bytes are posted, on every path of both shapes of system: no 500, nothing refused is kept, and on it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

LIMIT = 400_000  #: bytes of a body, as conftest has it

HOSTILE = st.one_of(
    st.sampled_from([
        None, True, 0, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 2**70, 10**400, 1e308, -0.0, 1e-320, "", "\0", "\n\r",
        "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "NaN", "é" * 300,
        "😀", "<script>", "../../x", [], {}, [[]], [None], [[[["deep"]]]], {"": {}}, [1, "a", None, 2.5],
    ]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A valid body with a part replaced, removed or added, and perhaps some bytes of it as well."""
    value: dict[str, Any] = json.loads(json.dumps(body))
    for name in draw(st.sets(st.sampled_from(sorted(value)), min_size=1, max_size=3)):
        what = draw(st.sampled_from(["replace", "remove", "list", "nest"]))
        if what == "remove":
            del value[name]
        elif what == "list":
            value[name] = [value[name]] * draw(st.integers(0, 3))
        else:
            value[name] = draw(HOSTILE) if what == "replace" else {name: value[name]}
    whole: Any = draw(
        st.sampled_from([value, [value], [value, body], {**value, draw(st.text(max_size=3)): 1}])
    )
    text = json.dumps(whole, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.binary(max_size=4)) + text[place + draw(st.integers(0, 3)) :]
    return text


BY_HAND = [
    b"", b"\0", b"null", b"7", b'"x"', b"[]", b"{}", b"[[]]", b"[{}]", b"NaN", b"[NaN]", b"Infinity", b'{"user":NaN}', b"[" * 9_000,
    b'{"a":' * 3_000, b"[" * 9_000 + b"]" * 9_000, b'{"user":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b'{"user":"\\ud800"}', b'{"user":"\\udc00\\ud800"}', b'{"user":"\xff"}', b'{"user":"\xed\xa0\x80"}', b'{"user":1e999}',
    b'{"user":' + b"9" * 5_000 + b"}", b'{"user":1,"user":2}', b'{"user":1}{"user":2}', b'{"user":1}\n\n', b" " * LIMIT, b" " * (LIMIT + 1),
    b'{"sale":1,"ts":1,"ts":2}', b'{"user":3,"at":' + b"9" * 18 + b"}", b'{"user":3,"at":-' + b"9" * 18 + b"}",
]  # fmt: skip


def judge(fuzzed: Any, path: str, body: bytes) -> None:
    """The answer is a JSON answer or a JSON error with a fix; what was refused is not in the log."""
    before = fuzzed.logged()
    reply = fuzzed.ask(path, body)
    status, held = reply.status, reply.json()
    assert status in (200, 413, 422), (status, held)
    if status != 200:
        assert all(held["error"][part] for part in ("thing", "expected", "fix")), held
    if status != 200 or not path.startswith("/events/"):
        assert fuzzed.logged() == before
    else:
        assert fuzzed.logged() == before + len(held["events"])


def judge_health(fuzzed: Any) -> None:
    assert fuzzed.service.health().status == "ok", fuzzed.service.health().problems
    for path, body in fuzzed.bodies.items():
        if path in ("/rank", "/predict"):
            reply = fuzzed.ask(path, json.dumps(body).encode())
            assert (reply.status, reply.json()["flags"]) == (200, {}), reply.body


PATHS = ["asking", "features", "first stream", "second stream"]


@pytest.mark.parametrize("body", BY_HAND, ids=lambda body: repr(body[:24]))
def test_bodies_by_hand(fuzzed, body):
    for path in fuzzed.bodies:
        judge(fuzzed, path, body)
    judge_health(fuzzed)


@pytest.mark.parametrize("place", range(len(PATHS)), ids=PATHS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_and_random_bodies(fuzzed, place, data):
    path = list(fuzzed.bodies)[place]
    body = data.draw(mutated(fuzzed.bodies[path]) | st.binary(max_size=40))
    judge(fuzzed, path, body)
    judge_health(fuzzed)
