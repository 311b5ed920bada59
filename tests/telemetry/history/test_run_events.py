"""Events may be added from several threads."""

from functools import partial

from together import run_together

from soulsai_telemetry.history.run_events import BEST, CHECKPOINT, RunEvent, RunEvents


def test_events_of_two_threads_are_all_kept(tmp_path):
    path = tmp_path / "events.jsonl"
    events = RunEvents(path)

    def add(kind):
        for i in range(200):
            events.add(RunEvent(kind, "saved", 1e9, i, i))

    run_together(partial(add, CHECKPOINT), partial(add, BEST))
    assert len(events.all()) == 400
    assert RunEvents(path).all() == events.all()
