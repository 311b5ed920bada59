"""The node and what arrives: good rows reach the learner, everything else is counted, and the loop goes on."""

import pickle

import numpy as np
import pytest

from soulsai_core.contracts import Sync
from soulsai_core.steps import Closed, Source


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"soulsai_{name}_total", labels)


def test_admitted_rows_reach_the_learner_in_order_with_their_sender(stage):
    stage.take_in([0, 0], "a")
    stage.take_in([0], "b")
    assert stage.learner.rows == [("a", 0, 1.0), ("a", 0, 1.0), ("b", 0, 1.0)]
    assert stage.node.env_steps == 3
    assert sample(stage.metrics, "samples_admitted", client="a") == 2


GARBAGE = {
    "magic": lambda data, seal: b"\x80\x04\x95\x05" + data[4:],
    "truncated": lambda data, seal: data[:-1],
    "checksum": lambda data, seal: data[:-1] + bytes([data[-1] ^ 1]),
    "format": lambda data, seal: data[:4] + b"\x09" + data[5:],
    "header": lambda data, seal: seal(data, lambda header: ["what", "is", "this"]),
    "oversized": lambda data, seal: data + bytes(2**20),
}


@pytest.mark.parametrize("reason", GARBAGE)
def test_message_too_damaged_to_tell_its_sender_is_counted_as_unknown(staged, seal, reason):
    stage = staged(max_message_mb=0.5).start()
    data = stage.send([0])
    stage.outside.push_samples([GARBAGE[reason](data, seal)])
    stage.recorder.wait("samples_received", where=lambda a: a["rejected"] == {reason: 1})
    assert sample(stage.metrics, "samples_rejected", client="unknown", reason=reason) == 1
    assert stage.take_in([0, 0, 0]) == (3, {}), "the loop goes on"


def test_pickled_message_is_rejected_without_being_unpickled(stage):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    stage.outside.push_samples([pickle.dumps(Bomb())])
    stage.recorder.wait("samples_received", where=lambda a: a["rejected"] == {"magic": 1})
    assert stage.take_in([0]) == (1, {})


MISFITS = {
    "unknown_field": {"extra": np.zeros(2)},
    "dtype": {"observation": np.zeros((2, 2), np.float64)},
    "shape": {"observation": np.zeros((2, 3), np.float32)},
    "nonfinite": {"observation": np.full((2, 2), np.nan, np.float32)},
    "bounds": {"observation": np.full((2, 2), 11, np.float32)},
    "segments": {"stream": 256},
}


@pytest.mark.parametrize("reason", MISFITS)
def test_message_that_does_not_fit_is_counted_in_rows_under_its_sender_and_acknowledged(stage, reason):
    assert stage.take_in([0, 0], "pc-7", **MISFITS[reason]) == (0, {reason: 2})
    assert sample(stage.metrics, "samples_rejected", client="pc-7", reason=reason) == 2
    stage.wait_progress(lambda progress: progress.acked == {"pc-7": 1})
    assert stage.take_in([0, 0], "pc-7") == (2, {}) and len(stage.learner.rows) == 2


def test_why_messages_are_rejected_is_said_once_for_each_client_and_reason(stage, caplog):
    for client in ("pc-7", "pc-8", "pc-7"):
        stage.take_in([0, 0], client, **MISFITS["bounds"])
    stage.take_in([0, 0], "pc-7", **MISFITS["segments"])
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 3
    assert "pc-7" in said[0] and "observation has 11.0, above 10" in said[0]
    assert "pc-8" in said[1] and "stream 256" in said[2]


def test_text_from_outside_is_printable_where_it_is_said(stage, caplog):
    stage.take_in([0], "pc\x1b[2J\n", **{"x\x1b[31m": np.zeros(1)})
    assert "unknown_field" in caplog.text and "\x1b" not in caplog.text


def test_message_that_arrives_twice_is_learned_from_once(stage):
    data = stage.send([0, 0])
    stage.outside.push_samples([data, data])
    assert [a["rejected"] for a in stage.recorder.wait("samples_received", 3)] == [{}, {"repeated": 2}, {"repeated": 2}]
    assert len(stage.learner.rows) == 2 and stage.node.env_steps == 2


def test_numbers_are_counted_by_client(stage):
    assert stage.take_in([0], "a", number=5) == (1, {})
    assert stage.take_in([0], "b", number=5) == (1, {})
    assert stage.take_in([0], "a", number=4) == (0, {"repeated": 1})


def test_samples_of_another_training_are_rejected_and_not_acknowledged(stage):
    assert stage.take_in([0, 0, 0], "pc", run_id="yesterday") == (0, {"run": 3})
    assert stage.learner.rows == []
    assert stage.take_in([0], "pc", number=1) == (1, {}), "its number is still free"


def test_rows_of_the_last_three_iterations_are_admitted_and_no_others(stage):
    stage.make_iterations(4)
    taken = len(stage.learner.rows)
    assert stage.take_in([1, 2, 3, 4, 5, 1]) == (3, {"stale": 2, "future": 1})
    assert [row[1] for row in stage.learner.rows[taken:]] == [2, 3, 4]


def test_synchronous_learner_gets_the_newest_iteration_only(staged):
    stage = staged(sync=Sync(max_staleness=1, rows_per_iteration=2)).start()
    stage.make_iterations(1)
    assert stage.take_in([0, 1]) == (1, {"stale": 1})


def test_message_of_stale_rows_only_never_reaches_the_learner_and_is_acknowledged(stage):
    stage.make_iterations(4)
    calls = len(stage.learner.calls)
    assert stage.take_in([0, 0], "slow") == (0, {"stale": 2})
    assert "add" not in stage.learner.calls[calls:]
    stage.wait_progress(lambda progress: progress.acked.get("slow") == 1)


def test_client_that_made_its_quota_is_heard_even_without_rows(stage):
    assert stage.take_in([], "pc", closed=Closed(0, 12)) == (0, {})
    assert stage.take_in([0], "pc", closed=Closed(0, 13)) == (1, {})
    assert stage.learner.closed == [("pc", Closed(0, 12)), ("pc", Closed(0, 13))]
    assert len(stage.learner.rows) == 1


def test_quota_that_was_made_of_rows_too_old_is_not_heard(stage):
    stage.make_iterations(4)
    assert stage.take_in([0], "slow", closed=Closed(0, 12)) == (0, {"stale": 1})
    assert stage.learner.closed == []


def test_rows_that_the_learner_does_not_learn_from_are_neither_counted_nor_given_to_it(stage):
    for source in (Source.EVALUATION, Source.PERSON, Source.SCRIPT):
        assert stage.take_in([0, 0], "pc", source=source) == (0, {})
    assert stage.learner.rows == [] and stage.node.env_steps == 0
    stage.wait_progress(lambda progress: progress.acked == {"pc": 3})


def test_rows_that_no_model_chose_are_never_too_old(staged):
    sources = (Source.AGENT, Source.EVALUATION, Source.PERSON)
    stage = staged(sync=Sync(1, 4, sources=sources)).start()
    stage.make_iterations(1)
    assert stage.take_in([0], "person", source=Source.PERSON) == (1, {})
    assert stage.take_in([0], "evaluation", source=Source.EVALUATION) == (0, {"stale": 1})


def test_messages_taken_in_are_released_in_the_server(stage):
    for _ in range(5):
        stage.take_in([0])
    stage.stop()
    assert stage.outside.backlog() == 0


def test_status_and_metrics_count_what_was_rejected(stage):
    stage.heartbeat("pc")
    stage.recorder.wait("client_joined")
    stage.take_in([0, 0, 0])
    stage.take_in([9])
    stage.stop()
    status = stage.status()
    assert status.acceptance == 0.75 and status.rejected == {"future": 1}
    assert [(c.info.id, c.admitted, c.rejected) for c in status.clients] == [("pc", 3, {"future": 1})]


def test_rows_that_a_client_left_out_are_said_once_and_count_as_rejected(stage, caplog):
    """Only the client knows of them, and a host would look at an endless run without a word."""
    stage.take_in([0] * 5)
    stage.heartbeat("pc", left_out=15, unfit="reward has \x1b1e7")
    stage.recorder.wait("client_joined")
    stage.heartbeat("pc", left_out=35, unfit="reward has \x1b1e7")
    for _ in range(2):  # heartbeats are heard between two commands
        stage.command("quicksave")
    stage.stop()
    status = stage.status()
    assert status.rejected == {"unfit": 35} and status.acceptance == 5 / 40
    said = [record.getMessage() for record in caplog.records if "leaves out rows" in record.getMessage()]
    assert len(said) == 1 and "'pc'" in said[0] and "reward has" in said[0] and "training.max_abs_value" in said[0]
    assert "\x1b" not in said[0]
