"""A search by pictures that cannot mean anything is refused where it is written, with the mending."""

from __future__ import annotations

from typing import Any

import pytest

import heptad as hp
from heptad.errors import DeclarationError, PlanError


class Product(hp.Table):
    product: hp.Id
    photo: hp.Image
    drawing: hp.Image | None
    kind: str
    colour: str | None
    price: float


class Shop(hp.Table):
    shop: hp.Id
    name: str


class Sale(hp.Event):
    sale_id: hp.Key
    ts: hp.Time
    product: hp.Id
    paid: bool


SOLD = hp.label(Sale, where=Sale.paid == True)  # noqa: E712
ALIKE = hp.same(Product.kind)


def requirements(**changes: Any) -> hp.Requirements:
    stated = dict(
        p99="150ms", qps=5, freshness="1s", candidates=20, kpi=hp.KPI("similar", hp.count(where=ALIKE))
    )
    return hp.Requirements(**stated | changes)


def system(**changes: Any) -> hp.System:
    steps: dict[str, Any] = dict(
        requirements=requirements(),
        framing=hp.Retrieval(Product.photo, objective=hp.Contrastive(ALIKE)),
        data=hp.Data(static=dict(kind=Product.kind, colour=Product.colour)),
        model=hp.Embedding(),
        evaluation=hp.Evaluation(hp.EntitySplit(), gate=[hp.precision(10) > hp.baseline("frozen")]),
        serving=hp.Search([hp.Nearest(20)], filters=[Product.colour], rerank=[hp.Distinct()]),
        monitoring=hp.Monitoring(),
    )
    return hp.System(**steps | changes)


def test_a_whole_one_is_accepted_and_compiles():
    made = system()
    assert [column.name for column in made.plan.columns] == ["kind", "colour"]
    assert [stream.name for stream in made.plan.streams] == ["Product"]
    assert made.searching.distinct == 0.97
    assert made.searching.nearest.n == 20


def test_equal_declarations_compile_alike_and_others_do_not():
    assert system().plan.hash == system().plan.hash
    assert system().plan.hash != system(data=hp.Data(static=dict(colour=Product.colour))).plan.hash


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: hp.same(Product.price), "same: expected a table's column of text, id, int or bool"),
        (lambda: hp.same(Sale.paid), "write hp.same"),
        (lambda: hp.same(Product.product), "name what several rows have in common"),
        (lambda: hp.Contrastive(SOLD), "what makes two rows alike"),
        (lambda: hp.Contrastive(ALIKE, temperature=0), "a number above 0, at most 10, got 0"),
        (lambda: hp.Retrieval(Product.kind, hp.Contrastive(ALIKE)), "a table's column of hp.Image"),
        (lambda: hp.Retrieval(Product.photo, hp.LogLoss(SOLD)), "expected hp.Contrastive"),
        (lambda: hp.Retrieval(Product.photo, hp.Contrastive(hp.same(Shop.name))), "a column of Product"),
        (lambda: hp.Embedding("resnet"), "Embedding.backbone: expected one of 'efficientnet-lite0'"),
        (lambda: hp.Embedding(size=1), "Embedding.size: expected a whole number from 2, got 1"),
        (lambda: hp.Embedding(epochs=0), "Embedding.epochs: expected a whole number from 1, got 0"),
        (lambda: hp.Nearest(0), "write hp.Nearest"),
        (lambda: hp.Search([hp.Nearest(10, "look")]), "hp.Nearest of a number alone"),
        (lambda: hp.Distinct(1.0), "a number between 0 and 1"),
        (lambda: hp.Search(hp.Nearest(10)), "Search.candidates: expected a list of hp.Nearest"),
        (lambda: hp.Search([]), "Search.candidates: expected one hp.Nearest"),
        (lambda: hp.Search(filters=[Product.photo]), "a list of columns of text"),
        (lambda: hp.Search(filters=["colour"]), "a list of columns of text"),
        (lambda: hp.Search(filters=[Product.price]), "a list of columns of text"),
        (lambda: hp.Search(rerank=[hp.Nearest(3)]), "Search.rerank: expected a list of hp.Distinct"),
        (lambda: hp.EntitySplit(test=1.0), "a share between 0 and 1"),
        (lambda: hp.EntitySplit(together="name"), "EntitySplit.together: expected a column"),
    ],
)
def test_a_wrong_part(make, said):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(requirements=requirements(kpi=hp.KPI("sales", hp.count(where=SOLD)))), "hp.count(where=hp.same(Product.kind))"),
        (dict(requirements=requirements(shown=30)), "Requirements.shown: expected at most the 20"),
        (dict(serving=hp.Serving([hp.Popular()], history="last")), "expected hp.Search, as the framing is hp.Retrieval"),
        (dict(model=hp.GBDT()), "expected hp.Embedding, as the framing is hp.Retrieval"),
        (dict(evaluation=hp.Evaluation(hp.TimeSplit(test="2d"))), "expected hp.EntitySplit"),
        (dict(evaluation=hp.Evaluation(hp.EntitySplit(together=Shop.name))), "EntitySplit.together: expected a column of Product"),
        (dict(evaluation=hp.Evaluation(hp.EntitySplit(), gate=[hp.auc > 0.5])), "a metric of a retrieval, got auc"),
        (
            dict(evaluation=hp.Evaluation(hp.EntitySplit(), gate=[hp.recall(5) > hp.baseline("popular")])),
            "a model: champion, frozen, chance",
        ),
        (dict(evaluation=hp.Evaluation(hp.EntitySplit(), compare={"tree": hp.GBDT()})), "'frozen' and 'chance'"),
        (dict(data=hp.Data(static=dict(kind=Product.kind))), "add static=dict(colour=Product.colour)"),
        (dict(data=hp.Data(static=dict(colour=Product.colour, photo=Product.photo))), "and no picture"),
        (dict(data=hp.Data(static=dict(colour=Product.colour, name=Shop.name))), "a fact of Product"),
        (
            dict(data=hp.Data(static=dict(colour=Product.colour), dynamic=dict(sold=Sale.per("product").count("1d")))),
            "Data.dynamic: expected no features",
        ),
        (dict(monitoring=hp.Monitoring(retrain=[hp.OnDrift()])), "hp.Daily or hp.Weekly"),
    ],
)  # fmt: skip
def test_steps_that_do_not_fit(changes, said):
    with pytest.raises(DeclarationError) as caught:
        system(**changes)
    assert said in str(caught.value)


def test_a_picture_belongs_to_a_table():
    with pytest.raises(DeclarationError, match="only the rows of a table hold pictures"):

        class Shot(hp.Event):
            shot_id: hp.Key
            ts: hp.Time
            photo: hp.Image


def sales(**changes: Any) -> hp.System:
    """A system of events, with one of its steps changed."""
    steps: dict[str, Any] = dict(
        requirements=hp.Requirements(
            p99="20ms", qps=5, freshness="1s", kpi=hp.KPI("sales", hp.count(where=SOLD))
        ),
        framing=hp.Classification(Sale, objective=hp.LogLoss(SOLD)),
        data=hp.Data(dynamic=dict(sold=Sale.per("product").count("1d"))),
        model=hp.GBDT(),
        evaluation=hp.Evaluation(hp.TimeSplit(test="2d")),
        serving=hp.Review(load=10),
        monitoring=hp.Monitoring(),
    )
    return hp.System(**steps | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(model=hp.Embedding()), "no hp.Embedding: it belongs to hp.Retrieval"),
        (dict(evaluation=hp.Evaluation(hp.EntitySplit())), "no hp.EntitySplit: it belongs to hp.Retrieval"),
        (dict(serving=hp.Search()), "expected hp.Review, as the framing is hp.Classification"),
        (
            dict(requirements=hp.Requirements(p99="20ms", qps=5, freshness="1s", kpi=hp.KPI("x", hp.count(where=ALIKE)))),
            "KPI: expected a label",
        ),
    ],
)  # fmt: skip
def test_parts_of_a_search_do_not_fit_a_system_of_events(changes, said):
    sales()
    with pytest.raises(DeclarationError) as caught:
        sales(**changes)
    assert said in str(caught.value)


def test_features_do_not_read_a_table_that_holds_pictures():
    with pytest.raises(PlanError, match="move the picture to a table of its own"):
        sales(data=hp.Data(static=dict(kind=Product.kind)))


def test_what_needs_events_says_that_a_search_has_none():
    with pytest.raises(DeclarationError, match="a search by pictures has no events"):
        _ = system().label
