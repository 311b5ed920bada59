"""A learner may know that there is nothing left to do, or nobody left to do it with."""


def test_training_ends_with_a_checkpoint_for_the_reason_that_the_learner_gives(stage):
    stage.make_iterations(1)
    stage.learner.finished = lambda: "everything is learned"
    assert stage.join() == "everything is learned"
    assert stage.recorder.all("checkpoint_saved")[-1]["kind"] == "final"


def test_training_goes_on_while_the_learner_gives_no_reason(stage):
    stage.make_iterations(3)
    assert stage.learner.finished() is None
    assert stage.stop() == "the test is over"
