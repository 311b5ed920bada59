"""The columns that an assembled rollout has in addition to those of its steps."""

from __future__ import annotations

ENV = "env"
"""The number of the client's environment."""
TERMINATED = "terminated"
"""The episode ended with the row, in a terminal state."""
LEARNED = "learned"
"""The row is learned from. Other rows are there for their observation: for its value, and for the LSTM's state."""
START = "start"
"""An episode begins with the row."""
BEGINS = "begins"
"""A sequence for the LSTM begins with the row: its state is stored, or the rows before it are not known."""
