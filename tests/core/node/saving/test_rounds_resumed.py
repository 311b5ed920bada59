"""A node that is killed just after an update which its learner had decided by itself, as learners of rounds do."""

import shutil

import pytest

from soulsai_core.contracts import Sync
from soulsai_core.run_folder import RunFolder

SYNC = Sync(max_staleness=1, rows_per_iteration=4)


@pytest.fixture
def rounds(new_learner):
    """A function that makes a learner which is ready whenever `decided` is set: for example since time has passed."""

    class Rounds(new_learner):
        decided = False

        def ready(self):
            return self.decided

        def update(self):
            self.decided = False
            return super().update()

    return Rounds


@pytest.mark.parametrize("forgets", [False, True], ids=["", "server forgets everything"])
def test_model_that_clients_act_with_is_made_again_and_their_rows_are_admitted(make_harness, rounds, forgets):
    earlier = make_harness(rounds(), sync=SYNC).start()
    earlier.take_in([0] * 4)
    earlier.learner.decided = True
    earlier.recorder.wait("weights_published", where=lambda a: a["iteration"] == 1)
    earlier.stop()
    shutil.rmtree(earlier.folder.checkpoint)  # as if it had been killed before
    if forgets:
        earlier.outside.clear()
    message = earlier.send([1] * 2)
    again = make_harness(rounds(), sync=SYNC, folder=RunFolder(earlier.folder.path))
    again.node.resume()
    again.start()
    again.wait_done(message)
    assert (again.learner.updates, again.node.iteration) == (1, 1)
    assert again.recorder.wait("samples_received") == [{"client": "pc", "admitted": 2, "rejected": {}}]
