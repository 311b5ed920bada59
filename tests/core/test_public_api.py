"""What plugins are built on changes on purpose only."""

import difflib

import public_api


def test_public_names_and_their_signatures_are_those_on_record():
    recorded = public_api.RECORD.read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(recorded, list(public_api.lines()), "recorded", "now", lineterm="", n=0))
    assert not changes, (
        "The public API has changed. If that is on purpose, say so in CHANGELOG.md, and renew the record with "
        "`python tests/helpers/public_api.py`:\n" + "\n".join(changes)
    )


def test_record_has_names_of_each_public_module():
    text = public_api.RECORD.read_text(encoding="utf-8")
    for name in (
        "class soulsai_core.Learner",
        "    add(self, steps: StepBatch, client: str) -> None",
        "soulsai_core.load_agent(",
        "class soulsai_core.replay.Replay(",
        "soulsai_core.app.on_interrupt(",
        "class soulsai_core.testing.algorithm.AlgorithmContract",
    ):
        assert name in text
