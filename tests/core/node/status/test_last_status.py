"""The last status in the folder of a run."""

import os

import msgspec
import pytest

from soulsai_core.node.status.last_status import last_status
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder

ENDED_AT = 1.7e9


@pytest.mark.parametrize(
    ("state", "health", "said"), [("ended", "finished", "Finished at"), ("running", "killed", "last heard of at")]
)
def test_folder_that_was_copied_still_says_when_its_run_ended(tmp_path, state, health, said):
    counts = (1, 5, None, 9.0, 0, None, 20, 0.0, 0.0, 1.0, {}, {}, 0, [], {})
    status = NodeStatus("run", "elsewhere", state, *counts, time=ENDED_AT)
    folder = RunFolder(tmp_path)
    folder.status.write_bytes(msgspec.json.encode(status))
    os.utime(folder.status, (ENDED_AT + 90_000, ENDED_AT + 90_000))
    _, found = last_status(folder, ENDED_AT + 100_000)
    assert (found.state, found.since) == (health, ENDED_AT)
    assert f"{said} 2023-11-" in found.sentence


@pytest.mark.parametrize("content", [b"", b'{"run_id": "\xff"}', b'{"newer": ' + b"[" * 9000])
def test_status_that_cannot_be_read_is_left_out_with_its_file_named(tmp_path, caplog, content):
    folder = RunFolder(tmp_path)
    folder.status.write_bytes(content)
    assert last_status(folder, ENDED_AT) is None
    assert f"{folder.status} cannot be read and is left out" in caplog.text
