"""Work in several processes: in order, few at a time, and nobody left behind."""

import multiprocessing
import operator

import pytest

from gan.datasets.processes import AHEAD, map_in_order


def test_results_come_in_order_and_items_are_taken_as_they_are_needed():
    taken = list[int]()

    def items():
        for i in range(30):
            taken.append(i)
            yield i

    found = map_in_order(operator.add, items(), 2, 100)
    assert next(found) == 100
    assert len(taken) == AHEAD * 2
    assert [next(found) for _ in range(10)] == list(range(101, 111))
    assert len(taken) == AHEAD * 2 + 10
    found.close()
    assert not multiprocessing.active_children()


def test_an_error_of_a_task_is_the_callers_and_ends_all():
    found = map_in_order(operator.floordiv, [5, 2, 0, 1], 2, 10)
    assert (next(found), next(found)) == (2, 5)
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert not multiprocessing.active_children()
