"""`heptad serve`: a profile's log, store and champion behind HTTP; history is posted on the first start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from heptad.declare.framing import Ranking
from heptad.declare.retrieval import Retrieval
from heptad.durable import sync
from heptad.errors import DataError, HeptadError
from heptad.registry.registry import Registry
from heptad.run.champion import load_champion
from heptad.run.follow import following
from heptad.run.history import load_history
from heptad.run.profile import Profile
from heptad.run.replay import on_time
from heptad.run.serve_search import check_workers, visual_service
from heptad.run.target import Target
from heptad.serving import server
from heptad.serving.door import Access
from heptad.serving.intake import LocalIntake
from heptad.serving.lines import Lines
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service, deadline_of
from heptad.state.open import answering, discard_state, within
from heptad.state.store import Store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import Clock, Moving, ReplayClock, WallClock
from heptad.streams.dead_letters import DeadLetters
from heptad.streams.ingest import open_state
from heptad.streams.log import Log
from heptad.streams.replay import Replay
from heptad.times import format_duration

Say = Callable[[str], None]


def aloud(text: str) -> None:
    """Print a line at once: whoever started the server waits for the one that says it is ready."""
    print(text, flush=True)


def serve(
    target: Target,
    profile: Profile,
    *,
    host: str,
    port: int,
    workers: int = 1,
    fresh: bool = False,
    state: Path | None = None,
    deadline: int | None = None,
    age: int | None = None,
    access: Access | None = None,
    say: Say = aloud,
) -> None:
    """Serve until SIGTERM or SIGINT. ``fresh`` removes the log, the states and the predictions first.

    ``state`` is a directory to keep all of these in, instead of where the profile says. After ``deadline``
    microseconds the fallback answers. Decisions older than ``age`` microseconds are forgotten, None for never. A search
    by pictures keeps in its log what was posted and deleted.
    """
    access = access or Access()
    if access.keys is None:
        say(f"no API keys: whoever reaches {host} may ask and post (see heptad serve --help)")
    searches = isinstance(target.system.framing, Retrieval)
    if searches:
        check_workers(workers)
    if age is not None:
        check_age(target, age)
    if state is not None:
        profile = replace(profile, log=state / "log", store=f"embedded:{state / 'state'}")
    if fresh:
        forget(profile)
    if age is not None and profile.clock == "wall":
        forget_older(profile, WallClock().now() - age)
    if searches:
        _serve_search(target, profile, host, port, deadline, access, say)
        return
    limit = deadline_of(target.system) if deadline is None else deadline
    profile = replace(profile, store=within(profile.store, limit))
    if workers > 1:
        from heptad.run import workers as crew

        crew.serve(
            target, profile, workers, host=host, port=port, deadline=deadline, age=age, access=access, say=say
        )
        return
    with service(target, profile, deadline=deadline, age=age, say=say) as running:
        server.serve(running, host, port, access=access, ready=lambda url: say(f"ready {url}"))


def _serve_search(
    target: Target, profile: Profile, host: str, port: int, deadline: int | None, access: Access, say: Say
) -> None:
    """The same for a search by pictures."""
    from heptad.serving.visual_http import app

    with visual_service(target, profile, say, deadline=deadline) as visual:
        lines = access.lines or Lines()
        application = app(visual, replace(access, lines=lines))
        server.run(visual, application, host, port, lines=lines, ready=lambda url: say(f"ready {url}"))


@contextmanager
def service(
    target: Target, profile: Profile, *, deadline: int | None = None, age: int | None = None, say: Say = aloud
) -> Iterator[Service]:
    """A service from what the profile names. An empty log is filled from the profile's sources first."""
    scorer, clock = champion(target, profile, say), WallClock() if profile.clock == "wall" else ReplayClock(0)
    with appending(target, profile, clock, say) as (intake, store):
        running = Service(
            target.system, target.system.plan, intake=intake, clock=clock,
            store=answering(profile.store, store), scorer=scorer, deadline=deadline,
            predictions=PredictionLog.open(predictions_of(profile), age=age),
        )  # fmt: skip
        try:
            with following(running, target, profile, say):
                yield running
        finally:
            running.drain()


@contextmanager
def appending(
    target: Target, profile: Profile, clock: Clock, say: Say
) -> Iterator[tuple[LocalIntake, Store]]:
    """The log and the states that the profile names, caught up; an empty log is filled from its sources first."""
    plan = target.system.plan
    if _is_empty(profile.log):
        _post_history(target, profile, say)
    with ExitStack() as stack:
        log = stack.enter_context(Log.open(profile.log))
        store = open_state(profile.store, plan, log, expires=profile.clock == "wall")
        stack.callback(store.close)
        if isinstance(clock, Moving) and log.end:  # a replay goes on from the newest arrival
            clock.advance_to(int(log.read_columns(log.end - 1, log.end).arrivals[0]))
        letters = DeadLetters.open(profile.log.parent / "dead_letters.jsonl")
        intake = LocalIntake(plan, log, store, clock, letters)
        stack.callback(intake.close)
        yield intake, store


def check_age(target: Target, age: int) -> None:
    """Raise DataError where decisions would be forgotten before what they showed has its label."""
    if isinstance(target.system.framing, Retrieval):
        raise DataError(
            "--keep-decisions", "a system that logs its decisions: a ranking or a classification",
            "a search by pictures, which logs none", "leave it out",
        )  # fmt: skip
    least = target.system.label.matures_after
    if age <= least:
        raise DataError(
            "--keep-decisions", f"more than {format_duration(least)}, after which a label can be known",
            format_duration(age), "keep them for as long as retraining looks back, such as 30d",
        )  # fmt: skip


def forget_older(profile: Profile, instant: int) -> None:
    """Remove files of decisions that are all older, from the logs of processes that no longer run too."""
    for predictions in profile.log.parent.glob("predictions*"):
        with Log.open(predictions) as log:
            log.truncate_older(instant)


def forget(profile: Profile) -> None:
    """Remove the log, the states and the predictions of a deployment."""
    shutil.rmtree(profile.log, ignore_errors=True)
    for predictions in profile.log.parent.glob("predictions*"):
        shutil.rmtree(predictions, ignore_errors=True)
    discard_state(profile.store)


def predictions_of(profile: Profile, worker: int = 0) -> Path:
    """Where the decisions of a deployment's process are kept: beside its log."""
    return profile.log.parent / ("predictions" if worker == 0 else f"predictions-{worker}")


def champion(target: Target, profile: Profile, say: Say) -> Scorer | None:
    """The champion of the profile's registry; said, and None, where there is none that can be served."""
    try:
        scorer = load_champion(Registry(profile.registry), target.name, target.system.plan.hash)
    except HeptadError as error:
        say(f"no model is served: {error}")
        return None
    if scorer is None:
        instead = "popular items" if isinstance(target.system.framing, Ranking) else "those of the rules"
        say(f"no model is champion yet: answers are {instead}. Train one: heptad run {target.name}")
    return scorer


def _is_empty(directory: Path) -> bool:
    """Whether a log holds nothing yet, or is not there."""
    if not directory.is_dir():
        return True
    with Log.open(directory) as log:
        return log.end == 0


def _post_history(target: Target, profile: Profile, say: Say) -> None:
    """Post the sources' rows, each at its own time, and apply them.

    The log is written aside and put in its place once it is whole, so that a process killed meanwhile leaves
    no half of a history to go on from; states that are ahead of their log are discarded when they are opened.
    """
    plan, aside = target.system.plan, profile.log.with_name(f"{profile.log.name}.posting")
    say(f"the log is empty: posting the history of {target.name}")
    rows = on_time(load_history(plan, profile).history)
    clock = ReplayClock(rows[0].at if rows else 0)
    shutil.rmtree(aside, ignore_errors=True)
    with Log.open(aside) as log, closing(open_state(profile.store, plan, log)) as store:
        appender = Appender(plan, log, clock)
        applied = Replay(appender, Applier(plan, log, store, appender), rows, clock).finish()
        posted = log.end
    shutil.rmtree(profile.log, ignore_errors=True)
    os.replace(aside, profile.log)
    sync(profile.log.parent)
    say(f"posted {posted:,} rows; {applied.events:,} are in the states")
