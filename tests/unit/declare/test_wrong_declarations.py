"""Mistakes people make in a declaration: each is refused where it is written, by one error that mends it.

Every function below makes one mistake; above it stand the four parts of the error: the thing, what was
expected, what came, and the fix.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

import heptad as hp
from heptad.errors import DeclarationError, HeptadError, PlanError

MISTAKES: list[Any] = []


def wrong(
    thing: str, expected: str, got: str, fix: str, error: type[HeptadError] = DeclarationError
) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """The function makes a mistake that raises this error."""

    def keep(mistake: Callable[[], object]) -> Callable[[], object]:
        MISTAKES.append(pytest.param(mistake, error, (thing, expected, got, fix), id=mistake.__name__))
        return mistake

    return keep


class Film(hp.Table):
    film: hp.Id
    genres: list[str]
    year: int | None


class Look(hp.Table):
    film: hp.Id
    look: hp.Vector[3]


class OldLook(hp.Table, lag="1h"):
    film: hp.Id
    since: hp.Time
    look: hp.Vector[3]


class Shop(hp.Table):
    shop: hp.Id
    city: str


class Rating(hp.Event):
    rating_id: hp.Key
    ts: hp.Time
    user: hp.Id
    film: hp.Id
    stars: float
    minutes: float
    genres: list[str] = hp.lookup(Film.genres)


class Impression(hp.Event):
    impression_id: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    device: str
    bid: float


class Click(hp.Event):
    click_id: hp.Key
    ts: hp.Time
    shown: hp.Ref[Impression]
    user: hp.Id
    ad: hp.Id


_CLICK = Click
liked = hp.label(Rating, where=Rating.stars >= 4)
clicked = hp.label(Impression, followed_by=Click, within="30m")


class Estimator:
    def fit(self, x: Any, y: Any) -> Any: ...
    def predict_proba(self, x: Any) -> Any: ...


def requirements(**changes: Any) -> hp.Requirements:
    right = dict(
        p99="20ms", candidates=100, qps=10, freshness="1s", kpi=hp.KPI("likes", hp.count(where=liked))
    )
    return hp.Requirements(**(right | changes))


def framing(**changes: Any) -> hp.Ranking:
    return hp.Ranking(**(dict(item=Rating.film, user=Rating.user, objective=hp.LogLoss(liked)) | changes))


def serving(**changes: Any) -> hp.Serving:
    return hp.Serving(**(dict(candidates=[hp.Popular(100)], history="had") | changes))


def system(*, static: Any = None, dynamic: Any = None, contextual: Any = None, **changes: Any) -> hp.System:
    """A right system, some of it changed; features are added to the right ones."""
    had = dict(had=Rating.per("user").last("film", n=50), user_mean=Rating.per("user").mean("stars"))
    right = dict(
        requirements=requirements(),
        framing=framing(),
        data=hp.Data(static=static or {}, dynamic=had | (dynamic or {}), contextual=contextual or {}),
        model=hp.GBDT(),
        evaluation=hp.Evaluation(hp.TimeSplit(test=0.2)),
        serving=serving(),
        monitoring=hp.Monitoring(),
    )
    return hp.System(**(right | changes))


# --- classes


@wrong(
    "table Shop",
    "exactly one column of hp.Id, the key",
    "none",
    "annotate the key with hp.Id and other ids with str or int",
)
def a_table_without_a_key():
    class Shop(hp.Table):
        city: str


@wrong(
    "table Shop",
    "exactly one column of hp.Id, the key",
    "shop, owner",
    "annotate the key with hp.Id and other ids with str or int",
)
def a_table_with_two_ids():
    class Shop(hp.Table):
        shop: hp.Id
        owner: hp.Id


@wrong(
    "table Shop",
    "at most one column of hp.Time, valid_from",
    "opened, closed",
    "keep hp.Time for when a row becomes true and make the others int",
)
def a_table_with_two_times():
    class Shop(hp.Table):
        shop: hp.Id
        opened: hp.Time
        closed: hp.Time


@wrong(
    "table Shop",
    "no hp.Key, hp.Ref, hp.RequestId or hp.lookup",
    "row",
    "a table's key is its hp.Id column",
)
def a_table_with_a_key_of_events():
    class Shop(hp.Table):
        shop: hp.Id
        row: hp.Key


@wrong(
    "table Shop",
    "at most one column of hp.Version",
    "rev, edition",
    "keep one, and make the others int",
)
def a_table_with_two_versions():
    class Shop(hp.Table):
        shop: hp.Id
        rev: hp.Version
        edition: hp.Version


@wrong(
    "table Shop",
    "at most one column of hp.Deleted",
    "gone, closed",
    "keep one, and make the others bool",
)
def a_table_with_two_marks_of_deletion():
    class Shop(hp.Table):
        shop: hp.Id
        gone: hp.Deleted
        closed: hp.Deleted


@wrong(
    "table Shop",
    "a column of hp.Time, valid_from, which lag and ttl are counted from",
    "none",
    "annotate it with hp.Time, or leave lag and ttl out",
)
def a_lag_behind_no_time():
    class Shop(hp.Table, lag="1h"):
        shop: hp.Id


@wrong(
    "ttl of Shop",
    "more than zero",
    "0 microseconds",
    "write ttl='30d', or leave it out to keep every row",
)
def a_ttl_of_nothing():
    class Shop(hp.Table, ttl="0s"):
        shop: hp.Id
        since: hp.Time


@wrong(
    "table Shop",
    "lag and ttl of at most 36525d together",
    "36526d",
    "leave the ttl out to keep every row",
)
def a_ttl_of_more_than_a_century():
    class Shop(hp.Table, lag="1d", ttl="36525d"):
        shop: hp.Id
        since: hp.Time


@wrong(
    "event View",
    "no hp.Version or hp.Deleted: only the rows of a table have them",
    "rev",
    "make it an int or a bool, or write the class as hp.Table",
)
def an_event_with_a_version():
    class View(hp.Event):
        ts: hp.Time
        rev: hp.Version


@wrong(
    "Shop.rev",
    "a value in every event",
    "'| None'",
    "write rev: hp.Version, without '| None'",
)
def a_version_that_may_be_missing():
    class Shop(hp.Table):
        shop: hp.Id
        rev: hp.Version | None


@wrong(
    "event View",
    "exactly one column of hp.Time",
    "none",
    "annotate the column of event time with hp.Time, once",
)
def an_event_without_a_time():
    class View(hp.Event):
        user: hp.Id


@wrong(
    "event View",
    "exactly one column of hp.Time",
    "begun, ended",
    "annotate the column of event time with hp.Time, once",
)
def an_event_with_two_times():
    class View(hp.Event):
        begun: hp.Time
        ended: hp.Time


@wrong(
    "event View",
    "at most one column of hp.Key",
    "view, session",
    "keep hp.Key for the event's own id and make the others hp.Id",
)
def an_event_with_two_keys():
    class View(hp.Event):
        view: hp.Key
        session: hp.Key
        ts: hp.Time


@wrong(
    "View.view",
    "a value in every event",
    "'| None'",
    "write view: hp.Key, without '| None'",
)
def a_key_that_may_be_missing():
    class View(hp.Event):
        view: hp.Key | None
        ts: hp.Time


@wrong(
    "View.ts",
    "a value in every event",
    "'| None'",
    "write ts: hp.Time, without '| None'",
)
def a_time_that_may_be_missing():
    class View(hp.Event):
        ts: hp.Time | None


@wrong(
    "View.ts",
    "hp.Key, hp.Time, hp.KnownAt, hp.RequestId, hp.Version, hp.Deleted, hp.Id, hp.Ref[...], str, float, int, bool, list[str], "
    "hp.Image or hp.Vector[n] (or X | None)",
    "the class datetime",
    "give the column one of these types",
)
def a_column_of_a_foreign_type():
    class View(hp.Event):
        ts: datetime


@wrong(
    "View.sizes",
    "hp.Key, hp.Time, hp.KnownAt, hp.RequestId, hp.Version, hp.Deleted, hp.Id, hp.Ref[...], str, float, int, bool, list[str], "
    "hp.Image or hp.Vector[n] (or X | None)",
    "list[int]",
    "give the column one of these types",
)
def a_list_of_numbers():
    class View(hp.Event):
        ts: hp.Time
        sizes: list[int]


@wrong(
    "View.user",
    "columns that are annotated",
    "user = the class Id",
    "write user: hp.Id, or another type, with a colon",
)
def an_equals_sign_for_a_colon():
    class View(hp.Event):
        ts: hp.Time
        user = hp.Id


@wrong(
    "View.device",
    "no default, hp.lookup(Table.column) or hp.expect(...)",
    "'web'",
    "leave the default out; mark a column that may be missing with '| None'",
)
def a_column_with_a_default():
    class View(hp.Event):
        ts: hp.Time
        device: str = "web"


@wrong(
    "View.parse",
    "a column name of its own",
    "a name heptad uses",
    "rename the column",
)
def a_column_named_like_a_method():
    class View(hp.Event):
        ts: hp.Time
        parse: str


@wrong(
    "View._user",
    "a column name of its own",
    "a name heptad uses",
    "rename the column",
)
def a_column_named_with_an_underscore():
    class View(hp.Event):
        ts: hp.Time
        _user: hp.Id


@wrong(
    "View",
    "annotations of names known to the module",
    "name 'Impresion' is not defined",
    "import the name, and declare the class at the top level of the module",
)
def an_annotation_nobody_knows():
    class View(hp.Event):
        ts: hp.Time
        shown: hp.Ref[Impresion]  # noqa: F821


@wrong(
    "class LongView",
    "hp.Event or hp.Table as its only base",
    "the class Impression",
    "write out all columns: classes do not inherit them",
)
def a_class_derived_from_an_event():
    class LongView(Impression):
        seconds: float


@wrong(
    "lateness of View 3600",
    "a whole number and a unit of us, ms, s, m, h, d or w",
    "3600",
    "write for example '30m', '1h' or '7d'",
)
def a_bare_number_as_lateness():
    class View(hp.Event, lateness=3600):
        ts: hp.Time


@wrong(
    "lateness of View",
    "zero or more",
    "-3600000000 microseconds",
    "write lateness='1h'",
)
def a_negative_lateness():
    class View(hp.Event, lateness=timedelta(hours=-1)):
        ts: hp.Time


@wrong(
    "View",
    "no class options",
    "late",
    "remove late=",
)
def a_class_option_nobody_knows():
    class View(hp.Event, late="1h"):
        ts: hp.Time


@wrong(
    "View.film",
    "hp.Ref of an event class",
    "the class Film",
    "name the event whose id the column holds",
)
def a_reference_to_a_table():
    class View(hp.Event):
        ts: hp.Time
        film: hp.Ref[Film]


@wrong(
    "lookup",
    "a column of a table class",
    "the column Rating.stars",
    "write hp.lookup(Film.genres)",
)
def a_lookup_of_an_event():
    return hp.lookup(Rating.stars)


@wrong(
    "lookup",
    "a fact about the entity",
    "Film.film, the table's key",
    "look up another column of the table",
)
def a_lookup_of_the_key():
    return hp.lookup(Film.film)


@wrong(
    "View.genres",
    "a column 'film' that holds the key of Film",
    "columns ts, genres",
    "name the column: hp.lookup(..., on='column')",
)
def a_lookup_without_its_key():
    class View(hp.Event):
        ts: hp.Time
        genres: list[str] = hp.lookup(Film.genres)


@wrong(
    "View.genres",
    "an hp.Id column that holds the key of Film",
    "'film' of kind int",
    "name another: hp.lookup(..., on='column')",
)
def a_lookup_by_a_number():
    class View(hp.Event):
        ts: hp.Time
        film: int
        genres: list[str] = hp.lookup(Film.genres)


@wrong(
    "View.genres",
    "the kind of Film.genres, texts",
    "text",
    "give both columns the same type",
)
def a_lookup_of_another_kind():
    class View(hp.Event):
        ts: hp.Time
        film: hp.Id
        genres: str = hp.lookup(Film.genres)


@wrong(
    "Rating.stars",
    "a class that is not changed after it is written",
    "an assignment",
    "declare another class",
)
def a_changed_class():
    Rating.stars = 5


@wrong(
    "Rating.star",
    "a column of Rating: rating_id, ts, user, film, stars, minutes, genres",
    "no such column",
    "write Rating.stars",
)
def a_misspelt_column():
    return hp.label(Rating, where=Rating.star >= 4)


# --- conditions and labels


@wrong(
    "condition Rating.stars >= '4'",
    "a constant that fits a column of float",
    "'4'",
    "compare Rating.stars with a value of its own kind",
)
def a_condition_of_another_kind():
    return Rating.stars >= "4"


@wrong(
    "condition Rating.stars >= nan",
    "a constant that fits a column of float",
    "nan",
    "compare Rating.stars with a value of its own kind",
)
def a_condition_on_nothing():
    return Rating.stars >= float("nan")


@wrong(
    "condition Rating.genres == 'comedy'",
    "a column of numbers, text, true or false, or ids",
    "Rating.genres of kind texts",
    "group by a list column: .per('column')",
)
def a_condition_on_a_list():
    return Rating.genres == "comedy"


@wrong(
    "condition Rating.ts >= 0",
    "a column of numbers, text, true or false, or ids",
    "Rating.ts of kind time",
    "use a window over time",
)
def a_condition_on_the_time():
    return Rating.ts >= 0


@wrong(
    "condition stars >= 4",
    "a place that takes a condition, such as where=",
    "a truth value asked of it",
    "pass the comparison itself; write one comparison, not a chain",
)
def two_conditions_with_and():
    return hp.label(Rating, where=Rating.stars >= 4 and Rating.stars < 5)


@wrong(
    "condition stars > 3",
    "a place that takes a condition, such as where=",
    "a truth value asked of it",
    "pass the comparison itself; write one comparison, not a chain",
)
def a_chained_condition():
    return hp.label(Rating, where=3 < Rating.stars < 5)


@wrong(
    "label",
    "an event class as event",
    "the class Film",
    "write hp.label(Impression, followed_by=Click)",
)
def a_label_of_a_table():
    return hp.label(Film)


@wrong(
    "label(Rating)",
    "a condition on Rating",
    "the column Rating.stars",
    "compare a column of Rating, such as Rating.column >= 4",
)
def a_label_by_a_column():
    return hp.label(Rating, where=Rating.stars)


@wrong(
    "label(Rating)",
    "a condition on Rating",
    "the condition Impression.bid >= 1",
    "compare a column of Rating, such as Rating.column >= 4",
)
def a_label_by_another_events_column():
    return hp.label(Rating, where=Impression.bid >= 1)


@wrong(
    "label(Impression)",
    "within=, the attribution window",
    "none",
    "write within='30m'",
)
def a_label_without_its_window():
    return hp.label(Impression, followed_by=Click)


@wrong(
    "within 30",
    "a whole number and a unit of us, ms, s, m, h, d or w",
    "30",
    "write for example '30m', '1h' or '7d'",
)
def a_label_with_a_bare_number():
    return hp.label(Impression, followed_by=Click, within=30)


@wrong(
    "label(Impression)",
    "a positive attribution window",
    "0s",
    "write within='30m'",
)
def a_label_with_no_time_at_all():
    return hp.label(Impression, followed_by=Click, within="0s")


@wrong(
    "label(Impression)",
    "one column of hp.Ref[Impression] in Rating",
    "0",
    "add a column such as shown: hp.Ref[Impression] to Rating",
)
def a_label_by_an_event_that_refers_to_nothing():
    return hp.label(Impression, followed_by=Rating, within="30m")


@wrong(
    "label(Rating)",
    "within= only with followed_by=",
    "within='30m'",
    "remove within=",
)
def a_window_without_an_outcome():
    return hp.label(Rating, within="30m")


@wrong(
    "label(Impression)",
    "followed_by= or where=, not both",
    "both",
    "keep one of them",
)
def a_label_of_two_kinds():
    return hp.label(Impression, followed_by=Click, within="30m", where=Impression.bid >= 1)


# --- features


@wrong(
    "Rating.per()",
    "at least one column",
    "none",
    "name one: .per('user'); or write Rating.all() for all events together",
)
def a_group_by_nothing():
    return Rating.per()


@wrong(
    "Rating.per('usr')",
    "columns of Rating: rating_id, ts, user, film, stars, minutes, genres",
    "'usr'",
    "use one of them, or add 'usr' to the class",
)
def a_group_by_an_unknown_column():
    return Rating.per("usr")


@wrong(
    "Rating.per(the column Rating.user)",
    "names of columns as text",
    "the column Rating.user",
    "write .per('user')",
)
def a_group_by_a_column_object():
    return Rating.per(Rating.user)


@wrong(
    "Rating.per('rating_id')",
    "an id, text, int, bool or list column",
    "'rating_id' of kind id (the event's own key)",
    "group by an entity; bin a float into an int column first",
)
def a_group_by_the_events_own_key():
    return Rating.per("rating_id")


@wrong(
    "Rating.per('stars')",
    "an id, text, int, bool or list column",
    "'stars' of kind float",
    "group by an entity; bin a float into an int column first",
)
def a_group_by_a_float():
    return Rating.per("stars")


@wrong(
    "Rating.per('user', 'user')",
    "distinct columns",
    "user, user",
    "name each column once",
)
def a_group_by_one_column_twice():
    return Rating.per("user", "user")


@wrong(
    "aggregation 'median'",
    "one of count, distinct, first, first_n, histogram, last, last_n, max, mean, min, quantile, since_last, std, sum, "
    "top_k, variance",
    "'median'",
    "use one of these, or add your own: CONTRIBUTING.md, 'Add an aggregation'",
)
def an_aggregation_nobody_knows():
    return Rating.per("user").median("stars")


@wrong(
    "Rating.per('user').max",
    "a column to aggregate",
    "none",
    "write .max('column', '1d')",
)
def a_mean_of_nothing():
    return Rating.per("user").max()


@wrong(
    "Rating.per('user').mean",
    "a column of Rating: rating_id, ts, user, film, stars, minutes, genres",
    "'7d'",
    "use one of them (a window goes last: .mean('column', '7d'))",
)
def a_mean_of_the_window():
    return Rating.per("user").mean("7d")


@wrong(
    "Impression.per('user').mean",
    "a numeric column",
    "'device' of kind text",
    "use count, last, or a numeric column",
)
def a_mean_of_text():
    return Impression.per("user").mean("device", "7d")


@wrong(
    "Rating.per('user').mean",
    "the name of a column as text",
    "the column Rating.stars",
    "write .mean('stars')",
)
def a_mean_of_a_column_object():
    return Rating.per("user").mean(Rating.stars, "7d")


@wrong(
    "Rating.per('user').last",
    "a scalar column",
    "'genres' of kind texts",
    "group by a list column instead",
)
def the_last_of_a_list():
    return Rating.per("user").last("genres")


@wrong(
    "window '7'",
    "a whole number and a unit of us, ms, s, m, h, d or w",
    "'7'",
    "write for example '30m', '1h' or '7d'",
)
def a_window_without_a_unit():
    return Rating.per("user").count("7")


@wrong(
    "Rating.per('user').count",
    "windows as text, one argument each",
    "7",
    "write for example '1h', '7d' or 'all'",
)
def a_window_of_a_bare_number():
    return Rating.per("user").count(7)


@wrong(
    "Rating.per('user').count",
    "windows as text, one argument each",
    "['1d', '7d']",
    "write for example '1h', '7d' or 'all'",
)
def windows_in_a_list():
    return Rating.per("user").count(["1d", "7d"])


@wrong(
    "Rating.per('user').count",
    "distinct windows",
    "1d, 24h",
    "name each window once",
)
def one_window_twice():
    return Rating.per("user").count("1d", "24h")


@wrong(
    "window '0d'",
    "a positive width",
    "0d",
    "write '1h', '7d' or 'all'",
)
def a_window_of_no_width():
    return Rating.per("user").count("0d")


@wrong(
    "window '1000000d'",
    "at most 36525d, with its delay",
    "1000000d",
    "write 'all' for all time",
)
def a_window_of_a_million_days():
    return Rating.per("user").count("1000000d")


@wrong(
    "window 'all'",
    "no delay and no hop",
    "delay='7d', hop=None",
    "give the window a width, such as '365d', to delay it",
)
def a_delay_of_all_time():
    return Rating.per("user").count("all", delay="7d")


@wrong(
    "hop '1d' of window '1h'",
    "more than zero and at most the width",
    "1d",
    "leave the hop out: the default is a 24th of the width or less",
)
def a_hop_wider_than_its_window():
    return Rating.per("user").count("1h", hop="1d")


@wrong(
    "Rating.per('user').last",
    "n, a whole number from 1 to 10000",
    "0",
    "write for example n=50",
)
def the_last_none():
    return Rating.per("user").last("film", n=0)


@wrong(
    "Rating.per('user').last",
    "n, a whole number from 1 to 10000",
    "2.5",
    "write for example n=50",
)
def the_last_two_and_a_half():
    return Rating.per("user").last("film", n=2.5)


@wrong(
    "Rating.per('user').min",
    "delay= or hop=",
    "places=",
    "remove places=",
)
def an_option_nobody_knows():
    return Rating.per("user").min("stars", "1d", places=3)


@wrong(
    "where of Rating",
    "one condition",
    "stars >= 4 and the condition Rating.stars < 5",
    "keep one; make a column of the other in the data",
)
def two_conditions_in_a_row():
    return Rating.per("user").where(Rating.stars >= 4).where(Rating.stars < 5)


@wrong(
    "where of Rating",
    "a comparison of a column of Rating",
    "the condition Impression.bid >= 1",
    "write for example Rating.column >= 4",
)
def a_condition_on_another_event():
    return Rating.per("user").where(Impression.bid >= 1)


@wrong(
    "rate",
    "two event classes, or such grouped by .per(...)",
    "Click.per('user').count()",
    "write for example hp.rate(Click, Impression, per='ad')",
)
def a_rate_of_a_feature():
    return hp.rate(Click.per("user").count(), Impression, per="user")


@wrong(
    "rate",
    "both streams per ad",
    "user and ad",
    "group both sides by the same keys",
)
def a_rate_per_two_things():
    return hp.rate(Click.per("user"), Impression.per("ad"), per="ad")


@wrong(
    "rate",
    "a prior from 0 to 1 and a strength above 0",
    "prior=2, strength=1.0",
    "use the overall rate as prior and the number of events it is worth as strength",
)
def a_rate_with_a_prior_of_two():
    return hp.rate(Click, Impression, per="ad", prior=2)


@wrong(
    "feature <lambda>",
    "plain named arguments, one per input column",
    "(*columns)",
    "name the columns it needs: def value_gap(bid, mean_bid_1d)",
)
def a_feature_of_any_arguments():
    return hp.feature(lambda *columns: columns[0])


# --- data


@wrong(
    "Data.static",
    "a dict of features by name",
    "[the column Film.genres]",
    "write static=dict(name=feature)",
)
def features_in_a_list():
    return hp.Data(static=[Film.genres])


@wrong(
    "Data.static['clicks']",
    "a column of a table or event, such as Film.year",
    "Click.per('user').count()",
    "move it to the group that fits, or write the feature so",
)
def an_aggregate_among_the_facts():
    return hp.Data(static=dict(clicks=Click.per("user").count()))


@wrong(
    "Data.dynamic['clicks']",
    "an aggregate, such as Click.per('user').count('1h')",
    "Click.per('user'), which aggregates nothing yet",
    "say what is aggregated: .count('1h'), .mean('column', '7d'), .last('column', n=10)",
)
def an_aggregation_left_out():
    return hp.Data(dynamic=dict(clicks=Click.per("user")))


@wrong(
    "Data.contextual['gap']",
    "hp.hour(), an event's column, an expression, a source score or an @hp.feature",
    "the function gap",
    "write @hp.feature above def gap",
)
def a_decorator_left_out():
    def gap(stars):
        return stars

    hp.Data(contextual=dict(gap=gap))


@wrong(
    "Data.dynamic['user clicks']",
    "a Python identifier as name",
    "'user clicks'",
    "rename the feature",
)
def a_name_with_a_space():
    return hp.Data(dynamic={"user clicks": Click.per("user").count()})


@wrong(
    "Data.dynamic",
    "distinct column names",
    "'n_1d', also in dynamic",
    "rename one of the features",
)
def two_features_of_one_name():
    return hp.Data(dynamic=dict(n=Click.per("user").count("1d", "7d"), n_1d=Click.per("user").count("1d")))


# --- the seven steps


@wrong(
    "Requirements.p99 20",
    "a whole number and a unit of us, ms, s, m, h, d or w",
    "20",
    "write for example '30m', '1h' or '7d'",
)
def a_latency_without_a_unit():
    requirements(p99=20)


@wrong(
    "Requirements.candidates",
    "a whole number from 1",
    "100.5",
    "write for example candidates=20",
)
def candidates_in_half():
    requirements(candidates=100.5)


@wrong(
    "Requirements.qps",
    "a positive number",
    "0",
    "write for example qps=20",
)
def nothing_asked_per_second():
    requirements(qps=0)


@wrong(
    "Requirements.kpi",
    "an hp.KPI",
    "'revenue'",
    "write kpi=hp.KPI('name', hp.count(where=...))",
)
def a_kpi_of_words():
    requirements(kpi="revenue")


@wrong(
    "KPI sum",
    "a column of Impression, the label's event",
    "the column Rating.stars",
    "sum what Impression says of the item shown",
)
def a_kpi_that_sums_another_event():
    return hp.sum(Rating.stars, where=clicked)


@wrong(
    "KPI",
    "where= a label",
    "the condition Rating.stars >= 4",
    "write where=hp.label(...)",
)
def a_kpi_that_counts_a_condition():
    return hp.count(where=Rating.stars >= 4)


@wrong(
    "Ranking.item",
    "an hp.Id column of Rating, the label's event",
    "'film'",
    "write item=Rating.user or Rating.film",
)
def an_item_as_text():
    framing(item="film")


@wrong(
    "Ranking.user",
    "an hp.Id column of Rating, the label's event",
    "the column Rating.rating_id",
    "write user=Rating.user or Rating.film",
)
def a_user_that_is_the_events_key():
    framing(user=Rating.rating_id)


@wrong(
    "Ranking",
    "different item and user",
    "Rating.user",
    "name two columns",
)
def one_column_for_user_and_item():
    framing(item=Rating.user)


@wrong(
    "Ranking.objective",
    "a loss",
    "the label of Rating with stars >= 4",
    "write objective=hp.LogLoss(label)",
)
def a_label_for_a_loss():
    framing(objective=liked)


@wrong(
    "score",
    "hp.p times one numeric column",
    "hp.p * the column Impression.device",
    "write hp.p * Impression.bid",
)
def a_score_by_a_text():
    return hp.p * Impression.device


@wrong(
    "Ranking.score",
    "hp.p, or hp.p times a numeric column",
    "the column Rating.stars",
    "write score=hp.p * Impression.bid",
)
def a_score_without_the_probability():
    framing(score=Rating.stars)


@wrong(
    "Model",
    "an object with fit(x, y) and predict_proba(x)",
    "the class Estimator",
    "write hp.Model(Estimator())",
)
def a_model_class():
    return hp.Model(Estimator)


@wrong(
    "Model",
    "an object with fit(x, y) and predict_proba(x)",
    "object without fit",
    "wrap it in a class that has both",
)
def a_model_that_cannot_predict():
    return hp.Model(object())


@wrong(
    "GBDT.trees",
    "a whole number from 1",
    "0.5",
    "write for example trees=120",
)
def half_a_tree():
    return hp.GBDT(trees=0.5)


@wrong(
    "Logistic.c",
    "a positive inverse penalty",
    "-1",
    "use c=1.0",
)
def a_negative_penalty():
    return hp.Logistic(c=-1)


@wrong(
    "TimeSplit.test",
    "a share between 0 and 1, or a duration",
    "2",
    "write test=0.2 or test='2d'",
)
def a_split_by_two():
    return hp.TimeSplit(test=2)


@wrong(
    "TimeSplit.test",
    "a positive duration",
    "0d",
    "write test='2d'",
)
def a_split_by_nothing():
    return hp.TimeSplit(test="0d")


@wrong(
    "Evaluation.gate",
    "a list of comparisons of metrics",
    "ece < 0.02",
    "write gate=[hp.ne < hp.champion]",
)
def a_gate_out_of_its_list():
    return hp.Evaluation(hp.TimeSplit(0.2), gate=hp.ece < 0.02)


@wrong(
    "gate ece < 0.02",
    "one comparison in a list",
    "a truth value asked of it",
    "write gate=[hp.ece < 0.02, hp.ndcg(10) > hp.baseline('popular')], not a chain",
)
def two_gates_with_and():
    return hp.Evaluation(hp.TimeSplit(0.2), gate=[hp.ece < 0.02 and hp.ne < hp.champion])


@wrong(
    "gate ece > 0.02",
    "'<', since less ece is better",
    "'>'",
    "turn the comparison around",
)
def a_gate_the_wrong_way_round():
    return hp.ece > 0.02


@wrong(
    "gate ndcg@10 < champion",
    "'>', since more ndcg@10 is better",
    "'<'",
    "turn the comparison around",
)
def a_gate_worse_than_the_champion():
    return hp.ndcg(10) < hp.champion


@wrong(
    "gate auc > 1.5",
    "a bound that auc can reach, 0 to 1",
    "1.5",
    "write for example hp.auc > 0.1",
)
def a_gate_nobody_can_pass():
    return hp.auc > 1.5


@wrong(
    "gate ndcg@10",
    "a number, hp.champion or hp.baseline('name')",
    "'popular'",
    "write hp.ndcg(10) > hp.champion",
)
def a_gate_by_a_name():
    return hp.ndcg(10) > "popular"


@wrong(
    "gate hp.ndcg",
    "a depth: hp.ndcg(10)",
    "hp.ndcg itself",
    "write hp.ndcg(10) > hp.champion",
)
def a_metric_without_its_depth():
    return hp.ndcg > 0.1


@wrong(
    "hp.recall",
    "a depth, a whole number from 1",
    "0",
    "write hp.recall(10)",
)
def a_metric_of_no_depth():
    return hp.recall(0)


@wrong(
    "Serving.candidates",
    "a list of hp.Popular, hp.Trending, hp.CoVisited, hp.EASE, hp.Nearest",
    "Popular(n=100, name='popular')",
    "write candidates=[...]",
)
def candidates_out_of_their_list():
    serving(candidates=hp.Popular(100))


@wrong(
    "Serving.candidates",
    "at least one source",
    "none",
    "add hp.Popular(100)",
)
def no_candidates():
    serving(candidates=[])


@wrong(
    "Serving.candidates",
    "distinct names",
    "popular, popular",
    "give one of them name='...'",
)
def two_sources_of_one_name():
    serving(candidates=[hp.Popular(10), hp.Popular(100)])


@wrong(
    "Serving.rerank",
    "some of hp.Unseen, hp.Cap, hp.Block, hp.Boost, hp.Freshness, hp.MMR, hp.Pin, hp.Explore",
    "the class Unseen",
    "write hp.Unseen(...)",
)
def a_step_that_is_a_class():
    serving(rerank=[hp.Unseen])


@wrong(
    "Serving.rerank",
    "hp.Explore once, as the last step",
    "hp.Cap after it",
    "move hp.Explore to the end: what is drawn has passed every other step",
)
def a_step_after_exploration():
    serving(rerank=[hp.Explore([3]), hp.Cap("genres", 2)])


@wrong(
    "Serving.rerank",
    "hp.Freshness before hp.MMR",
    "hp.Freshness after it",
    "move it up: it sorts by score, which would undo the variety",
)
def a_boost_that_undoes_the_variety():
    serving(rerank=[hp.MMR("genres"), hp.Freshness("began", half_life="1d")])


@wrong(
    "Block.condition",
    "an expression over hp.col(...)",
    "'stock == 0'",
    "write hp.Block(hp.col('stock') == 0)",
)
def a_block_by_text():
    hp.Block("stock == 0")


@wrong(
    "Boost.condition", "an expression over hp.col(...)", "True", "write hp.Boost(hp.col('on_sale') == 1, 1.2)"
)
def a_boost_without_an_expression():
    hp.Boost(True, 2.0)


@wrong("Boost.factor", "a number above 0", "0", "write 1.2 to raise, 0.8 to lower")
def a_boost_to_nothing():
    hp.Boost(hp.col("year") > 2000, 0)


@wrong(
    "Freshness.since",
    "an expression over hp.col(...)",
    "3",
    "write hp.Freshness('published', half_life='3d')",
)
def a_freshness_since_a_number():
    hp.Freshness(3, half_life="3d")


@wrong("Freshness.half_life", "more than 0", "'0s'", "write '3d'")
def a_freshness_that_is_gone_at_once():
    hp.Freshness("began", half_life="0s")


@wrong("Freshness.boost", "a number above 0", "-0.5", "write 0.5 for half as much again")
def a_freshness_that_lowers():
    hp.Freshness("began", half_life="3d", boost=-0.5)


@wrong(
    "MMR.column", "the name of a static column as text", "the column Film.genres", "write hp.MMR('genres')"
)
def an_mmr_of_a_field():
    hp.MMR(Film.genres)


@wrong(
    "MMR.relevance", "a number from 0 to 1", "7",
    "write 1.0 for the scores alone, less for more variety",
)  # fmt: skip
def an_mmr_of_seven():
    hp.MMR("genres", relevance=7)


@wrong("Pin.what", "an item's id or a condition", "None", "write hp.Pin('p01', 1)")
def a_pin_of_nothing():
    hp.Pin(None, 1)


@wrong("Pin.position", "a whole number from 1", "0", "write 1 for the top of the list")
def a_pin_above_the_top():
    hp.Pin(7, 0)


@wrong("Pin.n", "a whole number from 1", "1.5", "write n=1")
def a_pin_of_one_item_and_a_half():
    hp.Pin(7, 1, n=1.5)


@wrong("Explore.positions", "a list of positions from 1", "3", "write hp.Explore([5, 10])")
def an_exploration_of_a_number():
    hp.Explore(3)


@wrong("Explore.positions", "a whole number from 1", "0", "write 1 for the top of the list")
def an_exploration_from_zero():
    hp.Explore([0])


@wrong("Explore.epsilon", "a probability above 0", "0", "write epsilon=0.1")
def an_exploration_that_never_comes():
    hp.Explore([1], epsilon=0)


@wrong(
    "Explore.temperature", "a number above 0, or None to draw all alike", "0.0",
    "write temperature=0.1, in units of the score",
)  # fmt: skip
def an_exploration_without_warmth():
    hp.Explore([1], temperature=0.0)


@wrong(
    "Cap.n",
    "a whole number from 1",
    "'genres'",
    "write hp.Cap('column', 3)",
)
def a_cap_the_wrong_way_round():
    return hp.Cap(3, "genres")


@wrong(
    "Popular.n",
    "a whole number from 1",
    "'many'",
    "write hp.Popular(100)",
)
def popular_by_words():
    return hp.Popular("many")


@wrong(
    "Trending.over",
    "a width such as '1h' or '7d'",
    "'all'",
    "use hp.Popular for all time",
)
def trending_for_ever():
    return hp.Trending(over="all")


@wrong("Nearest.recent", "a whole number from 1", "0", "write hp.Nearest(100, 'look', recent=10)")
def the_nearest_to_nothing():
    return hp.Nearest(100, "look", recent=0)


@wrong(
    "Nearest.column",
    "a static column of vectors, of a table of hp.Id 'film': look",
    "None",
    "declare static=dict(look=Item.look), an hp.Vector[64], and write hp.Nearest(100, 'look')",
)
def the_nearest_by_no_column():
    system(static=dict(genres=Film.genres, look=Look.look), serving=serving(candidates=[hp.Nearest(100)]))


@wrong(
    "Nearest.column",
    "a static column of vectors, of a table of hp.Id 'film': none declared",
    "'genres'",
    "declare static=dict(look=Item.look), an hp.Vector[64], and write hp.Nearest(100, 'look')",
)
def the_nearest_by_genres():
    system(static=dict(genres=Film.genres), serving=serving(candidates=[hp.Nearest(100, "genres")]))


@wrong(
    "Nearest.column",
    "vectors of a table without lag or ttl, which change with its rows alone",
    "OldLook has them",
    "keep the vectors in a table of their own",
)
def the_nearest_of_an_hour_ago():
    system(static=dict(look=OldLook.look), serving=serving(candidates=[hp.Nearest(100, "look")]))


@wrong(
    "CoVisited.neighbours",
    "a whole number from 1",
    "0",
    "write for example neighbours=100",
)
def no_neighbours():
    return hp.CoVisited(neighbours=0)


@wrong(
    "Serving.fallback",
    "hp.Popular",
    "EASE(n=100, penalty=200.0, name='ease')",
    "write hp.Popular()",
)
def a_fallback_that_learns():
    serving(fallback=hp.EASE())


@wrong(
    "Monitoring.retrain",
    "a list of hp.Daily, hp.Weekly or hp.OnDrift",
    "Daily(at='03:00')",
    "write retrain=[hp.Daily('03:00')]",
)
def a_retraining_out_of_its_list():
    return hp.Monitoring(retrain=hp.Daily("03:00"))


@wrong(
    "Daily",
    "a time of day HH:MM",
    "'3am'",
    "write hp.Daily('03:00')",
)
def a_time_of_day_without_a_colon():
    return hp.Daily("3am")


@wrong("Weekly", "a day and a time, Mon HH:MM", "'03:00'", "write hp.Weekly('Mon 03:00')")
def a_week_without_a_day():
    return hp.Weekly("03:00")


@wrong(
    "Monitoring.canary",
    "a share above 0, at most 1",
    "'5%'",
    "use canary=0.05",
)
def a_canary_in_per_cent():
    return hp.Monitoring(canary="5%")


@wrong(
    "OnDrift",
    "psi above 0 and alpha between 0 and 1",
    "psi=0, alpha=0.001",
    "use the defaults, psi=0.2 and alpha=0.001",
)
def a_drift_threshold_of_zero():
    return hp.OnDrift(psi=0)


@wrong(
    "OnDrift.window 7",
    "a whole number and a unit of us, ms, s, m, h, d or w",
    "7",
    "write for example '30m', '1h' or '7d'",
)
def a_drift_window_without_a_unit():
    return hp.OnDrift(window=7)


@wrong(
    "OnDrift.columns",
    "a list of column names",
    "'user_count'",
    "write columns=['user_count_1d']",
)
def one_drift_column_out_of_its_list():
    return hp.OnDrift(columns="user_count")


# --- the steps together


@wrong(
    "System.model",
    "hp.GBDT or hp.Logistic or hp.Model or hp.Embedding",
    "the class GBDT",
    "write model=hp.GBDT(...)",
)
def a_model_that_is_not_called():
    system(model=hp.GBDT)


@wrong(
    "Data.contextual['stars']",
    "a column known when a request comes",
    "Rating.stars, what the label is read from: known only afterwards",
    "take it out, or use an aggregate of earlier events",
)
def a_leak_of_the_label():
    system(contextual=dict(stars=Rating.stars))


@wrong(
    "Data.contextual['generosity']",
    "arguments known when a request comes",
    "Rating.stars, what the label is read from: known only afterwards",
    "take it out, or use an aggregate of earlier events",
)
def a_leak_through_a_function():
    @hp.feature
    def generosity(stars, user_mean):
        return stars - user_mean

    system(contextual=dict(generosity=generosity))


@wrong(
    "Data.contextual['genres']",
    "a column known when a request comes",
    "Rating.genres, known only once the event has happened",
    "write static=dict(genres=Film.genres)",
)
def a_looked_up_column_of_the_request():
    system(contextual=dict(genres=Rating.genres))


@wrong(
    "Data.contextual['ts']",
    "a column known when a request comes",
    "Rating.ts, the event's time",
    "use hp.hour() or hp.weekday()",
)
def the_time_as_a_feature():
    system(contextual=dict(ts=Rating.ts))


@wrong(
    "Data.contextual['rating']",
    "a column known when a request comes",
    "Rating.rating_id, the event's own id",
    "take it out, or use an aggregate of earlier events",
)
def the_events_key_as_a_feature():
    system(contextual=dict(rating=Rating.rating_id))


@wrong(
    "Data.contextual['device']",
    "a column of Rating, the request's event, or of a table",
    "the column Impression.device",
    "use an aggregate: Impression.per(...).last('device')",
)
def a_column_of_another_event():
    system(contextual=dict(device=Impression.device))


@wrong(
    "Data.contextual['genres']",
    "a column of the request's event",
    "the column Film.genres",
    "move it to static=dict(genres=Film.genres)",
)
def a_fact_among_the_context():
    system(contextual=dict(genres=Film.genres))


@wrong(
    "Data.dynamic['taste']",
    "keys known when a request comes",
    "Rating.genres, known only once the event has happened",
    "add static=dict(genres=...) from a table, or group by another column",
)
def a_key_that_nobody_knows_yet():
    system(dynamic=dict(taste=Rating.per("user", "genres").count()))


@wrong(
    "Data.dynamic['ads']",
    "keys the request brings or Data.static looks up: film, genres, minutes, rating_id, stars, ts, user",
    "'ad' of Impression",
    "add 'ad' to the request's event, or to Data.static from a table",
    error=PlanError,
)
def a_key_that_no_request_brings():
    system(dynamic=dict(ads=Impression.per("ad").count()))


@wrong(
    "Data.static['film']",
    "a name that Rating does not use for a column of its own",
    "Film.genres beside Rating.film",
    "rename the feature",
)
def a_fact_that_hides_a_column():
    system(static=dict(film=Film.genres))


@wrong(
    "Data.static['city']",
    "a column 'shop', the key of Shop, in Rating",
    "columns rating_id, ts, user, film, stars, minutes, genres",
    "name the entity alike in the table and in the request's event",
    error=PlanError,
)
def a_table_the_request_has_no_key_of():
    system(static=dict(city=Shop.city))


@wrong(
    "Data.static['id']",
    "a fact about the entity",
    "its key",
    "use another column",
    error=PlanError,
)
def the_tables_key_as_a_fact():
    system(static=dict(id=Film.film))


@wrong(
    "Data.contextual['gap']",
    "arguments that name other columns",
    "film_mean",
    "use some of: had, user_mean",
)
def an_argument_that_is_no_column():
    @hp.feature
    def gap(user_mean, film_mean):
        return user_mean - film_mean

    system(contextual=dict(gap=gap))


@wrong(
    "Data.contextual['gap']",
    "arguments that name other columns",
    "itself, 'gap'",
    "use some of: had, user_mean",
)
def a_feature_of_itself():
    @hp.feature
    def gap(gap):
        return gap

    system(contextual=dict(gap=gap))


@wrong(
    "Data.contextual['one']",
    "features that do not need each other",
    "one -> two -> one",
    "compute one of them from other columns",
    error=PlanError,
)
def features_in_a_circle():
    @hp.feature
    def one(two):
        return two

    @hp.feature
    def two(one):
        return one

    system(contextual=dict(one=one, two=two))


@wrong(
    "Data.contextual['ease']",
    "a candidate source: popular",
    "'ease'",
    "name one of Serving.candidates",
)
def a_score_of_no_source():
    system(contextual=dict(ease=hp.source_score("ease")))


@wrong(
    "Serving.history",
    "a dynamic column of the user's last items: .per('user').last('film', n=50)",
    "'last_films'",
    "declare it and name it; lists declared: had",
)
def a_history_that_is_not_declared():
    system(serving=serving(history="last_films"))


@wrong(
    "Cap('director')",
    "a static column: none declared",
    "'director'",
    "declare it in Data.static, or cap by another column",
)
def a_cap_by_an_undeclared_column():
    system(serving=serving(rerank=[hp.Cap("director", 2)]))


@wrong(
    "MMR('director')",
    "a static column: none declared",
    "'director'",
    "declare it in Data.static, or compare another column",
)
def an_mmr_by_an_undeclared_column():
    system(serving=serving(rerank=[hp.MMR("director")]))


@wrong(
    "MMR('year')",
    "a column of vectors, lists, text or ids",
    "Film.year of kind int",
    "compare another column",
)
def an_mmr_of_years():
    system(static=dict(year=Film.year), serving=serving(rerank=[hp.MMR("year")]))


@wrong("Pin", "positions up to the 100 candidates", "101", "take a position that is shown")
def a_pin_that_nobody_sees():
    system(serving=serving(rerank=[hp.Pin(7, 101)]))


@wrong("Explore", "positions up to the 100 candidates", "200", "take a position that is shown")
def an_exploration_that_nobody_sees():
    system(serving=serving(rerank=[hp.Explore([3, 200])]))


@wrong(
    "Serving.rerank, Block",
    "columns known when a request comes",
    "Rating.stars, what the label is read from: known only afterwards",
    "take it out, or use an aggregate of earlier events",
)
def a_block_by_what_is_not_known_yet():
    system(serving=serving(rerank=[hp.Block(hp.col("stars") < 2)]))


@wrong(
    "Serving.rerank, Boost",
    "number arguments of gt",
    "col('genres'), a list",
    "use hp.size or hp.contains",
    error=PlanError,
)
def a_boost_by_a_list():
    system(static=dict(genres=Film.genres), serving=serving(rerank=[hp.Boost(hp.col("genres") > 2, 2.0)]))


@wrong(
    "Serving.rerank, Pin",
    "an expression that gives numbers, or 1 and 0",
    "cross(col('user'), col('film')), a category",
    "compare it with == or !=",
    error=PlanError,
)
def a_pin_by_a_category():
    system(serving=serving(rerank=[hp.Pin(hp.cross(hp.col("user"), hp.col("film")), 1)]))


@wrong(
    "Requirements.shown",
    "at most the 100 candidates",
    "500",
    "ask for more candidates",
)
def more_shown_than_found():
    system(requirements=requirements(shown=500))


@wrong(
    "gate ndcg@10 > ease",
    "a model: champion, popular",
    "'ease'",
    "compare with the champion or one of Serving.candidates",
)
def a_baseline_that_is_no_source():
    system(evaluation=hp.Evaluation(hp.TimeSplit(0.2), gate=[hp.ndcg(10) > hp.baseline("ease")]))


@wrong(
    "Requirements.kpi",
    "a label of Rating, the request's event",
    "a label of Impression",
    "count an outcome of what was shown",
)
def a_kpi_of_another_event():
    system(requirements=requirements(kpi=hp.KPI("clicks", hp.count(where=clicked))))


@wrong(
    "Ranking.score",
    "'minutes' among the columns of Data",
    "no such column",
    "declare it: contextual=dict(minutes=Rating.minutes)",
)
def a_weight_that_is_not_a_column():
    system(framing=framing(score=hp.p * Rating.minutes))


@wrong(
    "OnDrift.columns",
    "columns of Data",
    "user_sum",
    "use some of: had, user_mean",
)
def drift_of_a_column_that_is_not_there():
    system(monitoring=hp.Monitoring(retrain=[hp.OnDrift(columns=["user_sum"])]))


@wrong(
    "stream 'Click'",
    "one class of this name",
    "two classes",
    "rename one of them",
    error=PlanError,
)
def two_classes_of_one_name():
    class Click(hp.Event):
        ts: hp.Time
        user: hp.Id

    system(dynamic=dict(old=_CLICK.per("user").count(), new=Click.per("user").count("1d")))


@pytest.mark.parametrize(("mistake", "error", "parts"), MISTAKES)
def test_a_mistake_is_refused_with_what_mends_it(mistake, error, parts):
    with pytest.raises(error) as raised:
        mistake()
    found = raised.value
    assert (found.thing, found.expected, found.got, found.fix) == parts
    assert " at 0x" not in str(found)


def test_the_declaration_they_all_change_is_right():
    assert [column.name for column in system().plan.columns] == ["had", "user_mean"]


def test_each_mistake_is_made_once():
    assert len({str(case.id) for case in MISTAKES}) == len(MISTAKES) >= 120
