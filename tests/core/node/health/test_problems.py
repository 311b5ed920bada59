"""What the node cannot do for now, as its threads report it."""

from together import run_together

from soulsai_core.node.health.problems import Problems


def test_problem_lasts_from_its_first_report_until_it_is_over(clock):
    problems = Problems(clock)
    problems.note("disk", "The disk is full.")
    clock.now += 3
    problems.note("disk", "The disk is full, still.")
    problems.note("other", None)
    assert [(p.name, p.sentence, p.seconds) for p in problems.all()] == [("disk", "The disk is full, still.", 3.0)]
    problems.note("disk", "")
    assert problems.all() == ()


def test_problem_stays_while_another_thread_ends_others(clock):
    problems = Problems(clock)
    for number in range(50):
        problems.note(f"old {number}", "It does not work.")

    def end():
        for number in range(50):
            problems.note(f"old {number}", None)

    def begin():
        for number in range(50):
            problems.note(f"new {number}", "It does not work.")

    run_together(end, begin)
    assert [problem.name for problem in problems.all()] == [f"new {number}" for number in range(50)]
