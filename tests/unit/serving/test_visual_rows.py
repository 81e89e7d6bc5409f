"""Rows posted to a search and deleted from it: found at once, there again after a restart, whichever model answers."""

from __future__ import annotations

import base64
import threading
from contextlib import closing
from pathlib import Path

import pytest

from heptad.errors import DataError, StateError
from heptad.models.vision.backbone import Backbone
from heptad.models.vision.memo import Memo
from heptad.serving.service import Refused
from heptad.serving.visual import ABSENT, VisualService
from heptad.serving.visual_log import ChangeLog
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing import tiny_pictures as tiny
from heptad.testing.faults import FaultyFiles

NEW = tiny.picture("red", 900)


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture
def service(home):
    one = tiny.opened(home)
    yield one
    one.drain()


def row(key, picture=NEW, **facts):
    return {"square": key, "picture": picture, "colour": "red", "size": "small", "series": None} | facts


def nearest(service, picture=NEW, **asked):
    return service.ask(picture, {"n": "1", **asked}).items[0]


def found(service, key):
    return any(one["square"] == key for one in service.ask(NEW, {"n": "20"}).items)


def answers(service, pictures):
    """Rows and facts in order; a cosine's last digits depend on how many rows were projected at once."""
    asked = (service.ask(picture, {"n": "4"}).items for picture in pictures)
    return [[one | {"cosine": round(one["cosine"], 3)} for one in items] for items in asked]


def test_a_posted_row_is_the_answer_to_its_own_picture(service):
    posted = service.post([row(500)])
    assert (list(posted.offsets), posted.verdicts) == ([0], ["accepted"])
    assert nearest(service) == {"square": 500, "cosine": 1.0, "colour": "red", "size": "small"}
    assert nearest(service, size="large")["square"] != 500
    assert service.health()["items"] == 41


def test_a_row_that_is_posted_again_is_replaced_picture_and_facts(service):
    service.post([row(500), row(3, tiny.picture("green", 901))])
    service.post([row(500, tiny.picture("blue", 902), colour="blue", size="large")])
    assert nearest(service)["square"] != 500
    assert nearest(service, tiny.picture("blue", 902)) == {
        "square": 500, "cosine": 1.0, "colour": "blue", "size": "large",
    }  # fmt: skip
    assert nearest(service, tiny.picture("green", 901))["square"] == 3
    assert service.health()["items"] == 41


def test_a_deleted_row_is_found_no_longer_and_one_that_is_not_there_is_not_logged(service):
    service.post([row(500)])
    assert service.delete("500").verdicts == ["accepted"]
    assert not found(service, 500)
    assert service.delete("7").verdicts == ["accepted"]
    before = service.health()["changes"]
    assert service.delete("500").verdicts == service.delete("nobody").verdicts == [ABSENT]
    assert service.health() | {"changes": before, "items": 39} == service.health()


def test_of_a_post_with_a_bad_row_nothing_is_logged_and_each_is_named(service):
    bad = [
        row(500), row(501, b"no picture"), row(502, colour=3), row("3"), {"square": 503}, row(504, price=1),
        row(505, "!"), row(506, base64.b64encode(NEW).decode()),
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        service.post(bad)
    assert {place: error.thing for place, error in refused.value.rows.items()} == {
        1: "Square.picture", 2: "Square.colour", 3: "square", 4: "Square.picture", 5: "Square.price", 6: "Square.picture",
    }  # fmt: skip
    assert service.health()["changes"] == 0
    assert not found(service, 500)
    with pytest.raises(DataError, match="at least one"):
        service.post([])


def test_all_is_there_again_after_a_restart_and_nothing_is_embedded_twice(home):
    with closing(Open(home)) as one:
        one.service.post([row(500), row(501, tiny.picture("red", 903))])
        one.service.delete("501")
        one.service.delete("7")
        one.service.post([row(9, tiny.picture("grey", 904))])
        asked = [NEW, *tiny.searched(40).pictures]
        before = answers(one.service, asked)
    counted = Counted(home)
    with closing(Open(home, first=tiny.embedding(home, network=counted))) as again:
        assert counted.embedded == 1  # the empty page that warms it
        assert answers(again.service, asked) == before
        assert again.service.health()["changes"] == 5
        assert list(again.service.post([row(502)]).offsets) == [5]


def test_a_torn_last_post_is_gone_and_the_acknowledged_ones_are_there(home):
    with closing(Open(home)) as one:
        one.service.post([row(500)])
        one.service.post([row(501, tiny.picture("grey", 905))])
    (segment,) = (home / "log").rglob("*.log")
    segment.write_bytes(segment.read_bytes()[:-3])
    with closing(Open(home)) as again:
        assert found(again.service, 500)
        assert again.service.health()["items"] == 41


@pytest.mark.parametrize("sync", [True, False], ids=["sync", "write"])
def test_a_post_that_the_disk_refuses_is_not_acknowledged_and_the_next_one_is(home, sync):
    files = FaultyFiles()
    log = ChangeLog(Log.open("/log", files=files), tiny.squares.plan.stream("Square"))
    service = VisualService("squares", tiny.squares, log, ReplayClock(0))
    service.serve(tiny.embedding(home), "v0001", tiny.searched(40))
    service.post([row(500)])
    files.fail_sync() if sync else files.fail_write()
    with pytest.raises(StateError):
        service.post([row(501, tiny.picture("red", 906))])
    assert service.health()["status"] == "degraded"
    assert nearest(service)["square"] == 500
    files.heal()
    service.post([row(502, tiny.picture("red", 907))])
    assert service.health()["status"] == "ok"
    assert nearest(service, tiny.picture("red", 907))["square"] == 502
    shown = service.health()["items"]
    service.drain()
    log = ChangeLog(Log.open("/log", files=files), tiny.squares.plan.stream("Square"))
    kept = {change.key for change in log.read(0)}
    assert {500, 502} <= kept
    assert shown == 40 + len(kept)
    log.close()


def test_the_log_of_another_table_is_refused(home):
    with Log.open(home / "log") as log:
        log.append([b"\x93\x01\xa5Other\x00"], 0)
    with pytest.raises(StateError, match="--fresh"):
        tiny.opened(home)


def test_a_model_and_its_index_are_swapped_under_load_and_no_answer_is_mixed(home):
    """A row's own picture has a cosine of 1 exactly where the picture and the index are of one embedding."""
    models = {"v0001": tiny.embedding(home, 0), "v0002": tiny.embedding(home, 1)}
    rows, ended = tiny.searched(40), threading.Event()
    service = tiny.opened(home, first=models["v0001"])
    wrong: list[object] = []
    seen: set[str] = set()

    def ask(place):
        while not ended.is_set():
            try:
                answer = service.ask(rows.pictures[place], {"n": "1"})
                seen.add(answer.model)
                if answer.embedding != models[answer.model].version or answer.items[0]["cosine"] != 1.0:
                    wrong.append(answer)
            except Exception as error:
                wrong.append(error)

    def post():
        number = 1_000
        while not ended.is_set():
            try:
                service.post([row(number, tiny.picture("grey", number))])
                if nearest(service, tiny.picture("grey", number))["square"] != number:
                    wrong.append(number)
                if number % 2:
                    service.delete(str(number))
                number += 1
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(place,)) for place in (3, 17)] + [
        threading.Thread(target=post)
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(30):
            model = f"v000{1 + (number + 1) % 2}"
            service.serve(models[model], model, rows)
            assert service.ask(NEW, {}).model == model
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:3]
    assert seen == {"v0001", "v0002"}
    changes = service.health()["changes"]
    shown = answers(service, rows.pictures)
    service.drain()
    with closing(Open(home, first=models["v0001"])) as again:
        assert changes == again.service.health()["changes"] > 0
        assert answers(again.service, rows.pictures) == shown


def test_a_row_embedded_for_the_network_before_is_embedded_for_the_one_that_answers(home):
    """The network is swapped in the middle of a post: between the embedding of the row and its log record."""
    other = Backbone("other", "blocks-2", tiny.Blocks(), Memo.open(home / "other.features", 192))

    class Swapping(tiny.Blocks):
        swap = None

        def run(self, names, given):
            if self.swap is not None:
                swap, self.swap = self.swap, None
                swap()
            return [2.0 * part for part in super().run(names, given)]

    session = Swapping()
    network = Backbone("first", "twice-1", session, Memo.open(home / "twice.features", 192))
    service = tiny.opened(home, first=tiny.embedding(home, network=network))
    session.swap = lambda: service.serve(tiny.embedding(home, network=other), "v0002", tiny.searched(40))
    service.post([row(500)])
    assert service.model_version == "v0002"
    assert nearest(service) == {"square": 500, "cosine": 1.0, "colour": "red", "size": "small"}
    service.drain()


def test_nothing_is_accepted_after_the_end(home):
    service = tiny.opened(home)
    service.drain()
    with pytest.raises(StateError):
        service.post([row(500)])
    assert service.health()["status"] == "draining"


class Open:
    """A service that a ``with`` block drains."""

    def __init__(self, home: Path, **options) -> None:
        self.service = tiny.opened(home, **options)

    def close(self) -> None:
        self.service.drain()


class Counted(Backbone):
    """A backbone that counts the pictures it embeds."""

    def __init__(self, home: Path) -> None:
        plain = tiny.backbone(home)
        super().__init__(plain.name, plain.version, tiny.Blocks(), Memo.open(home / "blocks.features", 192))
        self.embedded = 0

    def of_pixels(self, pixels):
        self.embedded += len(pixels)
        return super().of_pixels(pixels)
