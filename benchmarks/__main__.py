"""Runs the benchmarks with their default options and prints one table: `make bench`."""

from __future__ import annotations

import argparse
import platform

from benchmarks import client_speed, footprint, ingest, many_clients, training, wire
from benchmarks.common import cores, print_table, say
from benchmarks.telemetry import cpu_share, figure, notification

for_all = argparse.ArgumentParser(description=__doc__)
for_all.parse_args()
rows = []
for benchmark in (ingest, wire, client_speed, many_clients, footprint, training, figure, notification, cpu_share):
    say(f"{benchmark.__name__} ...")
    parser = argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    rows += benchmark.measure(parser.parse_args([]))
print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores()} cores\n")
print_table(rows)
