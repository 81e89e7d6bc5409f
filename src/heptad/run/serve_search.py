"""`heptad serve` of a search by pictures: the champion's embedding over the rows of the profile's source."""

from __future__ import annotations

from collections.abc import Callable

from heptad.errors import StateError
from heptad.registry.registry import Registry
from heptad.retrieval.similar import Embedding
from heptad.run.profile import Profile
from heptad.run.search import indexed, load_gallery
from heptad.run.target import Target
from heptad.serving.visual import VisualService


def visual_service(target: Target, profile: Profile, say: Callable[[str], None]) -> VisualService:
    """The rows of the source, embedded by the champion and indexed; what was embedded before is not again.

    `StateError` where no version is champion yet: there is no order of pictures without one.
    """
    system = target.system
    version = Registry(profile.registry).champion(target.name)
    if version is None:
        raise StateError(
            f"champion of {target.name}",
            "a version that passed the gate",
            "none",
            f"train one: heptad run {target.name}",
        )
    embedding = Embedding.load(version.path)
    gallery = load_gallery(target, profile)
    say(f"embedding {len(gallery):,} pictures of {target.name} with {version.name}")
    similar = indexed(system, gallery, embedding, embedding.features(gallery.pictures))
    named = {name: gallery.facts[fact.name] for name, fact in system.data.static.items()}
    facts = {
        key: {name: values[place] for name, values in named.items()} for place, key in enumerate(gallery.keys)
    }
    key = system.search.table.entity().name
    return VisualService(
        target.name, similar, key=key, facts=facts, shown=system.requirements.shown, model=version.name
    )
