"""A system is found by its short name, by module and attribute, or by its directory; or the error says why not."""

from __future__ import annotations

import sys

import pytest

from heptad.errors import DeclarationError
from heptad.run.target import load_target, shipped

SYSTEM = '''"""Which thing should this person see next?"""
import heptad as hp

class Seen(hp.Event):
    ts: hp.Time
    person: hp.Id
    thing: hp.Id

liked = hp.label(Seen)
{name} = hp.System(
    requirements=hp.Requirements(p99="20ms", candidates=10, qps=1, freshness="1s", kpi=hp.KPI("n", hp.count(where=liked))),
    framing=hp.Ranking(item=Seen.thing, user=Seen.person, objective=hp.LogLoss(liked)),
    data=hp.Data(dynamic=dict(had=Seen.per("person").last("thing", n=5))),
    model=hp.Logistic(),
    evaluation=hp.Evaluation(hp.TimeSplit(test=0.2)),
    serving=hp.Serving(candidates=[hp.Popular(10)], history="had"),
    monitoring=hp.Monitoring(),
)
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory that leaves no trace in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_shipped_system_by_its_short_name():
    target = load_target("videos")
    assert (target.name, target.module.__name__) == ("videos", "heptad.systems.videos.system")
    assert (target.directory / "heptad.toml").is_file()
    assert target.doc == "Video recommendation: which film should this user see next?"
    assert "videos" in shipped()


def test_module_and_attribute_from_the_current_directory(here):
    put(here / "things" / "system.py", SYSTEM.format(name="mine"))
    target = load_target("things.system:mine")
    assert (target.name, target.address) == ("mine", "things.system:mine")
    assert target.directory == here / "things"


def test_a_module_alone_where_it_holds_one_system(here):
    put(here / "other" / "things.py", SYSTEM.format(name="mine"))
    assert load_target("other.things").name == "mine"


def test_a_directory_or_its_file(here):
    put(here / "deep" / "things" / "system.py", "from .rows import NAME\n" + SYSTEM.format(name="things"))
    put(here / "deep" / "things" / "rows.py", "NAME = 1\n")
    for text in ("deep/things", "./deep/things", "deep/things/system.py", str(here / "deep" / "things")):
        target = load_target(text)
        assert (target.name, target.directory) == ("things", here / "deep" / "things")


def test_two_directories_of_one_name(here):
    for folder, name in (("a", "first"), ("b", "second")):
        put(here / folder / "things" / "system.py", SYSTEM.format(name=name))
    assert [load_target(f"{folder}/things").name for folder in "ab"] == ["first", "second"]


def refused(text):
    with pytest.raises(DeclarationError) as raised:
        load_target(text)
    return raised.value


def test_an_unknown_name_lists_the_shipped_ones(here):
    error = refused("nothing")
    assert "videos" in error.expected
    assert error.fix == "check the name, or make a system with 'heptad new'"
    assert refused("vidoes").fix == "write 'videos'"


def test_a_directory_without_a_system(here):
    (here / "empty").mkdir()
    error = refused("./empty")
    assert (error.expected, error.got) == ("the file empty/system.py", "no such file")


def test_a_module_that_is_not_there(here):
    error = refused("nowhere.at_all:ads")
    assert error.expected == "a module 'nowhere.at_all'"
    assert error.got == f"no module 'nowhere' from {here}"


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("import heptad\n\n1 / 0\n", "ZeroDivisionError: division by zero ({file}, line 3)"),
        (
            "import no_such_package\n",
            "ModuleNotFoundError: No module named 'no_such_package' ({file}, line 1)",
        ),
        ("def f(:\n", "SyntaxError: invalid syntax (system.py, line 1) ({file}, line 1)"),
    ],
)
def test_a_module_that_cannot_be_imported_says_the_cause_and_the_line(here, text, got):
    file = here / "things" / "system.py"
    put(file, text)
    error = refused("./things")
    assert error.got == got.format(file=file)
    assert error.__cause__ is not None


def test_a_wrong_declaration_keeps_its_own_error_and_gets_its_line(here):
    wrong = SYSTEM.format(name="things").replace('history="had"', 'history="seen"')
    put(here / "things" / "system.py", wrong)
    error = refused("./things")
    assert error.thing == "Serving.history"
    line = wrong.splitlines().index("things = hp.System(") + 1
    assert error.__notes__ == [f"in {here / 'things' / 'system.py'}, line {line}"]


def test_an_attribute_that_is_no_system(here):
    put(here / "things.py", SYSTEM.format(name="mine"))
    assert refused("things:liked").got == "liked = the label of Seen"
    assert refused("things:yours").got == "systems called mine"
    assert refused("json:dumps").expected == "an hp.System called 'dumps' in json"


def test_two_systems_in_one_module_must_be_told_apart(here):
    put(here / "things" / "system.py", SYSTEM.format(name="mine") + "yours = mine\n")
    assert refused("./things").got == "systems called mine, yours"


def test_no_system_at_all(here):
    put(here / "things" / "system.py", "x = 1\n")
    assert refused("./things").got == "no system there"
