import subprocess
import sys

import pytest

import heptad as hp
from heptad.plan.compile import compile_features
from heptad.serving.rehearsal import rehearse
from heptad.systems.fraud.system import fraud
from heptad.systems.videos.system import videos
from heptad.testing.tills.system import tills
from heptad.testing.tiny_service import tiny
from heptad.testing.world import world

#: Names the kernels that a post and a read load in a process that was warm.
CHILD = """
import sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from heptad.testing.tiny_service import START, opened, sale

service = opened(Path(sys.argv[1]), None)
service.warm()
load = Dispatcher.compile

def told(kernel, signature):
    print("loaded", kernel.py_func.__name__)
    return load(kernel, signature)

Dispatcher.compile = told
product = {"product": "cup", "maker": "a", "tags": ["red"], "price": 1.0}
for stream, row in (("Product", product), ("Sale", sale(1, START, 7, "cup", 3.0)), ("Sale", sale(2, START + 1, 7, "cup", 4.0))):
    (verdict,) = service.post(stream, [row]).result().verdicts
    print(verdict, service.features({"user": 7, "product": "cup"}).values["user_sales_all"].tolist())
service.drain()
"""


class Thing(hp.Table):
    thing: hp.Id
    look: hp.Vector[3]
    since: hp.Time
    edition: hp.Version
    gone: hp.Deleted


class Event(hp.Event):
    event: hp.Key
    ts: hp.Time
    known: hp.KnownAt
    request: hp.RequestId
    thing: hp.Id
    places: list[str]
    size: int
    good: bool


class After(hp.Event):
    ts: hp.Time
    of: hp.Ref[Event]
    worth: float | None


EVERY_KIND = compile_features(
    hp.Data(
        static={"look": Thing.look},
        dynamic={
            "things": Event.per("thing").mean("size", "1h", "all"),
            "last": Event.per("thing", "places").last("size"),
        },
    ),
    hp.label(Event, followed_by=After, within="1h"),
)


@pytest.mark.parametrize(
    "plan",
    [EVERY_KIND, tiny.plan, tills.plan, world().plan, videos.plan, fraud.plan],
    ids=["kinds", "tiny", "tills", "world", "videos", "fraud"],
)
def test_every_kind_of_column_can_be_made_up(plan):
    rehearse(plan)


def test_the_first_post_and_the_read_after_it_load_no_kernel(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    assert told.splitlines() == ["accepted [0.0]", "accepted [1.0]", "accepted [2.0]"]
