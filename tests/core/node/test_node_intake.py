"""The node and what arrives: good rows reach the learner, everything else is counted, and the loop goes on."""

import pickle

import numpy as np
import pytest
from waiting import wait_for

from soulsai_core.contracts import Sync
from soulsai_core.steps import Closed, Source


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"soulsai_{name}_total", labels)


def test_admitted_rows_reach_the_learner_in_order_with_their_sender(harness):
    harness.take_in([0, 0], "a")
    harness.take_in([0], "b")
    assert harness.learner.rows == [("a", 0, 1.0), ("a", 0, 1.0), ("b", 0, 1.0)]
    assert harness.node.env_steps == 3
    assert sample(harness.metrics, "samples_admitted", client="a") == 2


GARBAGE = {
    "magic": lambda data, seal: b"\x80\x04\x95\x05" + data[4:],
    "truncated": lambda data, seal: data[:-1],
    "checksum": lambda data, seal: data[:-1] + bytes([data[-1] ^ 1]),
    "format": lambda data, seal: data[:4] + b"\x09" + data[5:],
    "header": lambda data, seal: seal(data, lambda header: ["what", "is", "this"]),
    "oversized": lambda data, seal: data + bytes(2**20),
}


def test_messages_too_damaged_to_tell_their_sender_are_counted_as_unknown(make_harness, seal):
    harness = make_harness(max_message_mb=0.5).start()
    data = harness.send([0])
    harness.outside.push_samples([damage(data, seal) for damage in GARBAGE.values()])
    received = harness.recorder.wait("samples_received", 1 + len(GARBAGE))[1:]
    assert [(event["client"], event["rejected"]) for event in received] == [("unknown", {r: 1}) for r in GARBAGE]
    assert all(sample(harness.metrics, "samples_rejected", client="unknown", reason=reason) == 1 for reason in GARBAGE)
    assert harness.take_in([0, 0, 0]) == (3, {}), "the loop goes on"


def test_pickled_message_is_rejected_without_being_unpickled(harness):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    harness.outside.push_samples([pickle.dumps(Bomb())])
    harness.recorder.wait("samples_received", where=lambda a: a["rejected"] == {"magic": 1})
    assert harness.take_in([0]) == (1, {})


MISFITS = {
    "unknown_field": {"extra": np.zeros(2)},
    "dtype": {"observation": np.zeros((2, 2), np.float64)},
    "shape": {"observation": np.zeros((2, 3), np.float32)},
    "nonfinite": {"observation": np.full((2, 2), np.nan, np.float32)},
    "bounds": {"observation": np.full((2, 2), 11, np.float32)},
    "segments": {"stream": 256},
}


def test_messages_that_do_not_fit_are_counted_in_rows_under_their_client_and_acknowledged(harness):
    for reason, changes in MISFITS.items():
        assert harness.take_in([0, 0], "pc-7", **changes) == (0, {reason: 2})
        assert sample(harness.metrics, "samples_rejected", client="pc-7", reason=reason) == 2
    harness.wait_progress(lambda progress: progress.acked == {"pc-7": len(MISFITS)})
    assert harness.take_in([0, 0], "pc-7") == (2, {}) and len(harness.learner.rows) == 2


def test_reason_of_rejected_messages_is_logged_once_for_each_client_and_reason(harness, caplog):
    for client in ("pc-7", "pc-8", "pc-7"):
        harness.take_in([0, 0], client, **MISFITS["bounds"])
    harness.take_in([0, 0], "pc-7", **MISFITS["segments"])
    logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(logged) == 3
    assert "pc-7" in logged[0] and "observation has 11.0, above 10" in logged[0]
    assert "pc-8" in logged[1] and "stream 256" in logged[2]


def test_text_from_outside_is_printable_in_the_log(harness, caplog):
    harness.take_in([0], "pc\x1b[2J\n")
    harness.take_in([0], "pc", **{"x\x1b[31m": np.zeros(1)})
    assert "header" in caplog.text and "unknown_field" in caplog.text and "\x1b" not in caplog.text


def test_message_that_arrives_twice_is_learned_from_once(harness):
    data = harness.send([0, 0], number=1)
    harness.outside.push_samples([data, data])
    harness.wait_done(harness.send([0], number=2))
    assert [a["admitted"] for a in harness.recorder.wait("samples_received", 2)] == [2, 1]
    assert len(harness.learner.rows) == 3 and harness.node.env_steps == 3
    assert wait_for("the status", harness.outside.read_status) and harness.status().acceptance == 1.0, (
        "a repeat is no rejection"
    )


def test_message_after_a_missing_one_is_refused_until_that_has_come(harness):
    harness.take_in([0], "pc", number=1)
    harness.send([0], "pc", number=3, order={"first": 2, "attempt": 4})
    progress = harness.wait_progress(lambda progress: progress.refused)
    assert (progress.acked, progress.refused) == ({"pc": 1}, {"pc": 4})
    assert harness.take_in([0], "pc", number=2, order={"first": 2}) == (1, {})
    assert harness.take_in([0], "pc", number=3, order={"first": 2}) == (1, {})
    harness.wait_progress(lambda progress: progress.acked == {"pc": 3} and not progress.refused)
    assert (
        harness.node.env_steps == 3
        and wait_for("the status", harness.outside.read_status)
        and harness.status().acceptance == 1.0
    )


def test_message_is_taken_in_if_those_before_it_will_never_come(harness):
    harness.take_in([0], "pc", number=1)
    assert harness.take_in([0], "pc", number=9, order={"first": 9}) == (1, {})
    assert harness.take_in([0], "pc", number=12) == (1, {})


def test_numbers_are_counted_by_client(harness):
    assert harness.take_in([0], "a", number=5) == (1, {})
    assert harness.take_in([0], "b", number=5) == (1, {})
    harness.send([0], "a", number=4)
    assert harness.take_in([0], "a", number=6) == (1, {})
    assert harness.node.env_steps == 3


def test_samples_of_another_training_are_rejected_and_not_acknowledged(harness):
    assert harness.take_in([0, 0, 0], "pc", run_id="yesterday") == (0, {"run": 3})
    assert harness.learner.rows == []
    assert harness.take_in([0], "pc", number=1) == (1, {}), "its number is still free"


def test_rows_of_the_last_three_iterations_are_admitted_and_no_others(harness):
    harness.make_iterations(4)
    taken = len(harness.learner.rows)
    assert harness.take_in([1, 2, 3, 4, 5, 1]) == (3, {"stale": 2, "future": 1})
    assert [row[1] for row in harness.learner.rows[taken:]] == [2, 3, 4]


def test_synchronous_learner_gets_the_newest_iteration_only(make_harness):
    harness = make_harness(sync=Sync(max_staleness=1, rows_per_iteration=2)).start()
    harness.make_iterations(1)
    assert harness.take_in([0, 1]) == (1, {"stale": 1})


def test_message_of_stale_rows_only_never_reaches_the_learner_and_is_acknowledged(harness):
    harness.make_iterations(4)
    calls = len(harness.learner.calls)
    assert harness.take_in([0, 0], "slow") == (0, {"stale": 2})
    assert "add" not in harness.learner.calls[calls:]
    harness.wait_progress(lambda progress: progress.acked.get("slow") == 1)


def test_message_that_closes_a_rollout_reaches_the_learner_even_without_rows(harness):
    assert harness.take_in([], "pc", closed=Closed(0, 12)) == (0, {})
    assert harness.take_in([0], "pc", closed=Closed(0, 13)) == (1, {})
    assert harness.learner.closed == [("pc", Closed(0, 12)), ("pc", Closed(0, 13))]
    assert len(harness.learner.rows) == 1


def test_rollout_of_rows_that_are_all_too_old_is_not_closed(harness):
    harness.make_iterations(4)
    assert harness.take_in([0], "slow", closed=Closed(0, 12)) == (0, {"stale": 1})
    assert harness.learner.closed == []


def test_rows_that_the_learner_does_not_learn_from_are_neither_counted_nor_given_to_it(harness):
    for source in (Source.EVALUATION, Source.PERSON, Source.SCRIPT):
        assert harness.take_in([0, 0], "pc", source=source) == (0, {})
    assert harness.learner.rows == [] and harness.node.env_steps == 0
    harness.wait_progress(lambda progress: progress.acked == {"pc": 3})


def test_rows_that_no_model_chose_are_never_too_old(make_harness):
    sources = (Source.AGENT, Source.EVALUATION, Source.PERSON)
    harness = make_harness(sync=Sync(1, 4, sources=sources)).start()
    harness.make_iterations(1)
    assert harness.take_in([0], "person", source=Source.PERSON) == (1, {})
    assert harness.take_in([0], "evaluation", source=Source.EVALUATION) == (0, {"stale": 1})


def test_messages_taken_in_are_released_in_the_server(harness):
    for _ in range(5):
        harness.take_in([0])
    harness.stop()
    assert harness.outside.backlog() == 0


def test_status_and_metrics_count_what_was_rejected(harness):
    harness.heartbeat("pc")
    harness.recorder.wait("client_joined")
    harness.take_in([0, 0, 0])
    harness.take_in([9])
    harness.stop()
    status = harness.status()
    assert status.acceptance == 0.75 and status.rejected == {"future": 1}
    assert [(c.info.id, c.admitted, c.rejected) for c in status.clients] == [("pc", 3, {"future": 1})]


def test_rows_that_a_client_left_out_are_logged_once_and_count_as_rejected(harness, caplog):
    """Only the client knows of them; without a log message the host would see a run that never ends, and no reason."""
    harness.take_in([0] * 5)
    harness.heartbeat("pc", left_out=15, unfit="reward has \x1b1e7")
    harness.recorder.wait("client_joined")
    harness.heartbeat("pc", left_out=35, unfit="reward has \x1b1e7")
    for _ in range(2):  # heartbeats are heard between two commands
        harness.command("quicksave")
    harness.stop()
    status = harness.status()
    assert status.rejected == {"unfit": 35} and status.acceptance == 5 / 40
    logged = [record.getMessage() for record in caplog.records if "leaves out rows" in record.getMessage()]
    assert (
        len(logged) == 1 and "'pc'" in logged[0] and "reward has" in logged[0] and "training.max_abs_value" in logged[0]
    )
    assert "\x1b" not in logged[0]


def test_last_heartbeat_of_a_client_counts_in_a_run_of_a_moment(harness, caplog):
    harness.take_in([0] * 5)
    for client, rows in (("pc", 15), ("other", 5)):
        harness.heartbeat(client, left_out=rows, unfit="reward has 1e7", leaving=True)
    harness.stop()
    status = harness.status()
    assert status.rejected == {"unfit": 20} and status.acceptance == 0.2
    said = [record.getMessage() for record in caplog.records if "leaves out rows" in record.getMessage()]
    assert len(said) == 2
