"""Benchmarks and their targets. `python -m benchmarks` runs most of them; each module also runs alone."""

import os

# One thread for the arithmetic of a process, as in `soulsai client`: with two, numpy's small products take many times
# as long on a machine whose other core is busy. The libraries read this when they are imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
