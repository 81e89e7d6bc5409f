"""From the declared sources to a retriever."""

from heptad.declare.serving import EASE, CoVisited, Popular
from heptad.retrieval.fit import fit_retriever


def test_every_declared_source_is_there_with_its_quota():
    declared = (EASE(3, penalty=1.0), CoVisited(2, neighbours=5, recent=1), Popular(4, name="top"))
    retriever = fit_retriever(
        declared, [1, 1, 2, 2], [7, 8, 8, 9], trained_through=10, total=3, catalogue=[6]
    )
    assert {name: quota.n for name, quota in retriever.sources.items()} == {
        "ease": 3,
        "covisited": 2,
        "top": 4,
    }
    assert retriever.trained_through == 10
    found = retriever.retrieve([[7]], [[7]])
    assert found.items.tolist() == [8, 6, 9]
    assert found.columns()["score:covisited"][0] > 0
    assert found.scores["ease"][1] == 0.0  # the item of the catalogue that nobody has used
