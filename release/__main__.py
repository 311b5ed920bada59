"""python -m release: builds sdists and wheels into dist/, and checks them in a new environment outside the checkout."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from release import fresh
from release.building import build, distributions, pip
from release.contents import missing, versions

ROOT = Path(__file__).resolve().parents[1]
LOAD_ALL = """
from importlib.metadata import distributions
loaded = [(point.load(), home.name) for home in distributions() if home.name.startswith("soulsai-")
          for point in home.entry_points]
print(len(loaded), "entry points of", len({name for _, name in loaded}), "distributions")
"""


def main() -> int:
    """Prints a line for each check; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Build and check what is published.")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="where sdists and wheels go (dist/)")
    parser.add_argument(
        "--linked", action="store_true", help="link what others made from this environment, do not install it anew"
    )
    args = parser.parse_args()
    sources = distributions(ROOT)
    if len(versions(sources)) > 1:
        return _failed([f"The distributions have several versions: {', '.join(sorted(versions(sources)))}"])
    wheels = build(sources, args.folder)
    _say(f"{len(wheels)} sdists and wheels are in {args.folder}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if found := [sentence for source in sources for sentence in missing(source, args.folder, changelog)]:
        return _failed(found)
    _say("each has its license, its README, its URLs and py.typed")
    files = [*wheels, *args.folder.glob("soulsai_*.tar.gz")]
    if subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=False).returncode != 0:
        return _failed(["twine does not take the metadata"])
    with tempfile.TemporaryDirectory(prefix="soulsai-release-") as folder:
        return _try_out(wheels, Path(folder), linked=args.linked)


def _try_out(wheels: Sequence[Path], folder: Path, *, linked: bool) -> int:
    programs = fresh.make_linked(folder) if linked else fresh.make(folder / "venv")
    python = programs / Path(sys.executable).name
    needed = ("--no-deps", "--no-index") if linked else ("--constraint", ROOT / "constraints.txt")
    extra = {"soulsai_core": "[box2d]"} if not linked else {}
    named = [f"{wheel}{extra.get(wheel.name.partition('-')[0], '')}" for wheel in wheels]
    pip("install", *needed, *named, python=python)
    _say("they are installed in a new environment")
    try:
        listed = fresh.run(programs / "soulsai", "plugins", folder=folder).splitlines()[1:]
        began = time.monotonic()
        loaded = fresh.run(python, "-c", LOAD_ALL, folder=folder).strip()
        took = time.monotonic() - began
        fresh.run(programs / "soulsai-client", "--help", folder=folder)
    except AssertionError as error:
        return _failed([str(error)])
    if unusable := [line for line in listed if not line.endswith(" yes")]:
        return _failed(["`soulsai plugins` lists what cannot be used:", *unusable])
    _say(f"{len(listed)} plugins can be used")
    _say(f"{loaded} are loaded in {took:.1f} s")
    return 0


def _say(sentence: str) -> None:
    print(f"release: {sentence}", flush=True)


def _failed(sentences: Sequence[str]) -> int:
    print("\n".join(sentences), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
