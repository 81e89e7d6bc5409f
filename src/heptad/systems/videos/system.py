"""Video recommendation: which film should this user see next?"""

import heptad as hp


class Film(hp.Table):
    film: hp.Id
    title: str
    genres: list[str]
    year: int | None


class Rating(hp.Event, lateness="1d"):
    rating_id: hp.Key
    ts: hp.Time
    user: hp.Id
    film: hp.Id
    stars: float
    genres: list[str] = hp.lookup(Film.genres)


liked = hp.label(Rating, where=Rating.stars >= 4)


@hp.feature
def genre_pull(taste_all, user_mean_all):
    """How much better than usual this user rates films of these genres."""
    return taste_all - user_mean_all


videos = hp.System(
    requirements=hp.Requirements(
        p99="50ms",
        candidates=200,
        qps=20,
        freshness="1s",
        kpi=hp.KPI("liked films among the ten shown", hp.count(where=liked)),
    ),
    framing=hp.Ranking(item=Rating.film, user=Rating.user, objective=hp.LogLoss(liked)),
    data=hp.Data(
        static=dict(genres=Film.genres, year=Film.year),
        dynamic=dict(
            seen=Rating.per("user").last("film", n=500),
            user_count=Rating.per("user").count("1d", "30d", "365d", "all"),
            user_mean=Rating.per("user").mean("stars", "30d", "all"),
            user_since=Rating.per("user").since_last(),
            film_count=Rating.per("film").count("1d", "7d", "30d", "365d", "all"),
            film_mean=Rating.per("film").mean("stars", "30d", "all"),
            film_since=Rating.per("film").since_last(),
            film_liked=hp.rate(
                Rating.per("film").where(Rating.stars >= 4),
                Rating.per("film"),
                per="film",
                over=("30d", "all"),
                prior=0.55,
                strength=10,
            ),
            taste_count=Rating.per("user", "genres").count("1d", "all"),
            taste=Rating.per("user", "genres").mean("stars", "all", "365d"),
        ),
        contextual=dict(
            hour=hp.hour(),
            weekday=hp.weekday(),
            genre_pull=genre_pull,
            ease=hp.source_score("ease"),
            covisited=hp.source_score("covisited"),
            popular=hp.source_score("popular"),
        ),
    ),
    model=hp.GBDT(),
    evaluation=hp.Evaluation(
        hp.TimeSplit(test=0.2),
        gate=[
            hp.ndcg(10) > hp.baseline("popular"),
            hp.ndcg(10) > hp.baseline("covisited"),
            hp.ndcg(10) >= hp.champion,
            hp.ece < 0.03,
        ],
    ),
    serving=hp.Serving(
        candidates=[hp.EASE(150), hp.CoVisited(100), hp.Popular(100)],
        history="seen",
        rerank=[hp.Unseen()],
        fallback=hp.Popular(),
    ),
    monitoring=hp.Monitoring(
        retrain=[
            hp.Daily("03:00"),
            hp.OnDrift(psi=0.25, columns=["film_mean_all", "film_liked_all", "ease", "covisited"]),
        ],
        canary=0.05,
    ),
)
