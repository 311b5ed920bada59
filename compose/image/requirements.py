"""Print what the named distributions need from elsewhere, so that an image can install it before our own code."""

import sys
import tomllib
from pathlib import Path

LEFT_OUT = ("soulsai-", "torch", "soulsgym", "pymem")
"""Our own, what the image chooses itself, and what reads a game that no container can play."""


def requirements(wanted: list[str]) -> list[str]:
    """The dependencies in the pyproject.toml of each folder, or of folder[extra], less those left out."""
    found = set()
    for name in wanted:
        folder, _, extra = name.rstrip("]").partition("[")
        project = tomllib.loads(Path(folder, "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
        found |= {line for line in lines if not line.startswith(LEFT_OUT)}
    return sorted(found)


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
