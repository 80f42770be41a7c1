"""What is worth keeping, and pruning by it."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from mnemic.errors import ConfigError, NotFound
from mnemic.store import SqlStore, Store, open_store
from mnemic.store.retention import RetentionRule, activation, hold, plan, prune, retention
from mnemic.transfer import export, import_
from mnemic.types import Item
from store.samples import DIM, ENCODER, new_item

DAY = 86_400.0
NOW = 1_000 * DAY


def item(*, taught: float, used: float | None = None, uses: int = 0, importance: float = 0.5, item_id: str = "a") -> Item:
    """Return an item that was taught and last used so many days ago."""
    return Item(
        id=item_id,
        scope="home",
        text=item_id,
        category=None,
        importance=importance,
        source=None,
        reason="new",
        status="active",
        created=NOW - taught * DAY,
        said=NOW - taught * DAY,
        last_used=None if used is None else NOW - used * DAY,
        uses=uses,
        supersedes=None,
        superseded_by=None,
    )


@pytest.mark.parametrize("decay", [0.3, 0.5, 0.8])
def test_activation_is_the_sum_over_presentations_where_the_approximation_is_exact(decay: float) -> None:
    # one presentation, and many that are spread so densely that the sum is the integral
    assert activation(item(taught=100), NOW, decay) == pytest.approx(-decay * math.log(100))
    count = 200_000
    times = np.linspace(100, 1, count + 1)
    exact = math.log((times**-decay).sum())
    # sum and integral differ by less than the strongest presentation, 1, of a strength of at least count * 100^-d
    assert activation(item(taught=100, used=1, uses=count), NOW, decay) == pytest.approx(exact, abs=100**decay / count)


def test_activation_has_a_value_when_everything_was_just_now() -> None:
    assert math.isfinite(activation(item(taught=0, used=0, uses=5), NOW, 0.5))
    assert math.isfinite(activation(item(taught=-5), NOW, 0.5)), "a clock that went backwards"
    same = activation(item(taught=3, used=3, uses=1), NOW, 0.5)
    assert same == pytest.approx(math.log(2 * 3**-0.5))


def test_use_recency_and_importance_each_keep_an_item() -> None:
    rule = RetentionRule()
    plain = retention(item(taught=50), NOW, rule)
    assert retention(item(taught=50, used=50, uses=3), NOW, rule) > plain
    assert retention(item(taught=10), NOW, rule) > plain
    assert retention(item(taught=50, importance=1.0), NOW, rule) == pytest.approx(plain + 0.5 * rule.importance_weight)
    half = replace(rule, recency_weight=1.0, half_life_days=50.0)
    none = replace(half, recency_weight=0.0)
    assert retention(item(taught=50), NOW, half) - retention(item(taught=50), NOW, none) == pytest.approx(0.5)


def test_a_plan_takes_the_lowest_and_among_equals_the_older() -> None:
    items = [item(taught=9, item_id="a"), item(taught=9, item_id="b"), item(taught=1, item_id="c")]
    assert [one.item.id for one in plan(items, 1, NOW, RetentionRule())] == ["a", "b"]
    assert plan(items, 5, NOW, RetentionRule()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"decay": 1.0}, {"decay": 0.0}, {"importance_weight": -1.0}, {"recency_weight": math.inf}, {"half_life_days": 0.0}],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RetentionRule(**wrong)


def filled(store: Store) -> list[Item]:
    made = store.insert(
        [new_item(f"Fact {n}.", seed=n, importance=n / 10, category="odd" if n % 2 else "even") for n in range(10)]
    )
    store.touch([made[0].id] * 4, "home")
    return made


def test_a_prune_is_one_operation_and_undone_as_a_whole(real: SqlStore) -> None:
    made = filled(real)
    before = time.time()
    time.sleep(0.01)
    done = prune(real, "home", budget=4, now=time.time())
    # the used one stays though it is the least important
    assert [i.id for i in real.items("home")] == [made[n].id for n in (0, 7, 8, 9)]
    assert [one.item.id for one in done.forgotten] == [made[n].id for n in range(1, 7)]
    assert (done.there, done.budget, real.count("home")) == (10, 4, 4)
    reason = real.history(made[1].id, "home")[-1].reason
    assert reason.startswith("pruned from 10 to 4: retention ")
    assert reason.endswith("(importance 0.10, uses 0, idle 0.0 days)")
    assert {e.operation for e in real.journal() if e.kind == "prune"} == {done.operation}
    assert len(real.items("home", as_of=before)) == 10
    assert len(real.items("home", as_of=time.time())) == 4
    assert {i.id for i in real.undo("home", "mistake")} == {one.item.id for one in done.forgotten}
    assert real.count("home") == 10
    assert real.check() == []


def test_a_dry_run_changes_nothing_and_a_category_counts_alone(real: SqlStore) -> None:
    filled(real)
    revision = real.revision
    dry = prune(real, "home", keep=0.5, category="odd", dry_run=True, now=time.time())
    assert (dry.there, dry.budget, len(dry.forgotten), dry.operation) == (5, 3, 2, None)
    assert real.revision == revision
    prune(real, "home", budget=2, category="odd", now=time.time())
    assert len(real.items("home", category="odd")) == 2
    assert len(real.items("home", category="even")) == 5
    assert prune(real, "home", budget=100, now=time.time()).forgotten == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({}, "a budget or a share"), ({"budget": 1, "keep": 0.5}, "a budget or a share"), ({"keep": 1.5}, "share from 0 to 1")],
)
def test_a_prune_needs_one_size(real: SqlStore, wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prune(real, "home", now=0.0, **wrong)  # type: ignore[arg-type]


def test_an_id_of_elsewhere_prunes_nothing_and_what_is_gone_already_stays_so(store: Store) -> None:
    made = store.insert([new_item(f"Fact {n}.", seed=n) for n in range(3)])
    (other,) = store.insert([new_item("Theirs.", scope="work")])
    with pytest.raises(NotFound):
        store.prune({made[0].id: "rule", other.id: "rule"}, "home")
    store.forget(made[0].id, "home", "asked")
    assert [i.id for i in store.prune({made[0].id: "rule", made[1].id: "rule"}, "home")] == [made[1].id]
    assert store.count("home") == 1
    assert [e.kind for e in store.history(made[0].id, "home")] == ["add", "forget"]
    assert store.prune({}, "home") == []


def test_a_standing_budget_leaves_room_for_the_next_ones(real: SqlStore) -> None:
    real.insert([new_item(f"Fact {n}.", seed=n) for n in range(41)])
    assert hold(real, "home", 41, now=time.time()) is None
    done = hold(real, "home", 40, now=time.time())
    assert done is not None
    assert real.count("home") == 38


def test_a_prune_travels_with_an_export(real: SqlStore, tmp_path: object) -> None:
    filled(real)
    prune(real, "home", budget=3, now=time.time())
    export(real, f"{tmp_path}/out.jsonl", None)
    with open_store(":memory:") as other:
        other.open_for(ENCODER, DIM)
        import_(other, f"{tmp_path}/out.jsonl", None)
        assert other.count("home") == 3
        assert len(other.undo("home", "mistake")) == 7
