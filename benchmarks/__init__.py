"""What is measured, against what. `python -m benchmarks` runs all; each module also runs alone.

One thread for a process's arithmetic, as `soulsai client` has it: with two, numpy's small products take many times as
long on a machine whose other core is busy. The libraries read this when they are imported, so it stands here.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
