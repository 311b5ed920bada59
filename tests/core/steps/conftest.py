"""The tests here share two modules, the oracle and the histories."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
