"""Work in several processes: in order, few at a time, and nobody left behind."""

import multiprocessing
import operator

import pytest

from gan.datasets.processes import AHEAD, crew


def test_results_come_in_order_and_items_are_taken_as_they_are_needed():
    taken = list[int]()

    def items():
        for i in range(30):
            taken.append(i)
            yield i

    with crew(2, 100) as run:
        results = run(operator.add, items())
        assert next(results) == 100
        assert len(taken) == AHEAD * 2
        assert [next(results) for _ in range(10)] == list(range(101, 111))
        assert len(taken) == AHEAD * 2 + 10
    assert not multiprocessing.active_children()


def test_an_error_of_a_task_is_the_callers_and_ends_all():
    with crew(2, 10) as run:
        results = run(operator.floordiv, [5, 2, 0, 1])
        assert (next(results), next(results)) == (2, 5)
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert not multiprocessing.active_children()
