"""The tests here use the oracle and the histories of the tests of steps."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "steps"))
