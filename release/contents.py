"""What must be inside the files that are published."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

URLS = {"Homepage", "Documentation", "Source", "Changelog", "Issues"}


def missing(source: Path, folder: Path, changelog: str) -> list[str]:
    """A sentence for each thing that is missing in the sdist and the wheel of the distribution in `source`."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = source.name, project["version"]
    said = [] if f"## {version}" in changelog else [f"{name}: CHANGELOG.md has no section for {version}"]
    sdist, wheel = folder / f"{name}-{version}.tar.gz", folder / f"{name}-{version}-py3-none-any.whl"
    with tarfile.open(sdist) as archive:
        inside = set(archive.getnames())
    for file in ("README.md", "LICENSE", "pyproject.toml", f"src/{name}/py.typed"):
        if f"{name}-{version}/{file}" not in inside:
            said.append(f"{sdist.name} has no {file}")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        metadata = message_from_string(archive.read(f"{name}-{version}.dist-info/METADATA").decode("utf-8"))
    for file in (f"{name}/py.typed", f"{name}-{version}.dist-info/licenses/LICENSE"):
        if file not in inside:
            said.append(f"{wheel.name} has no {file}")
    description = str(metadata.get_payload())
    readme = (source / "README.md").read_text(encoding="utf-8").strip()
    if description.strip() != readme:
        said.append(f"{wheel.name} does not have README.md as its description")
    if unnamed := URLS - {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])}:
        said.append(f"{wheel.name} has no URL named {', '.join(sorted(unnamed))}")
    return said


def versions(sources: list[Path]) -> set[str]:
    """The versions that the distributions have; all six share one."""
    files = [source / "pyproject.toml" for source in sources]
    return {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"] for file in files}
