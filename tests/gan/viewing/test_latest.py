"""Only the newest is done: no wish is lost, none but the last waits."""

import threading

import pytest

from gan.viewing.latest import Latest


def test_what_is_asked_for_meanwhile_becomes_one_more_run():
    began, go = threading.Semaphore(0), threading.Semaphore(0)
    state, seen = [0], []

    def job() -> None:
        seen.append(state[0])
        began.release()
        go.acquire(timeout=10)

    latest = Latest(job)
    worker = threading.Thread(target=latest)
    worker.start()
    assert began.acquire(timeout=10)
    for k in range(1, 101):
        state[0] = k
        latest()  # returns at once: another thread is at it
    go.release()
    go.release()
    worker.join(timeout=10)
    assert seen == [0, 100]
    go.release()
    latest()
    assert seen == [0, 100, 100]


def test_a_job_that_fails_can_be_asked_for_again():
    runs = []

    def job() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("first")

    latest = Latest(job)
    with pytest.raises(ValueError, match="first"):
        latest()
    latest()
    assert len(runs) == 2
