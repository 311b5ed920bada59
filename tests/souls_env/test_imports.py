"""A gaming PC has neither torch nor the modules that only POSIX has (except `resource`, which psutil needs there)."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
ABSENT = {"fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "curses", "readline", "torch"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError("No module named " + name, name=name)

for name in ABSENT:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
"""
CLIENT = """
import soulsai_core.client.client, soulsai_core.cli.client.client_process, soulsai_core.environments.isolation
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin
spec = plugin.spec(SoulsConfig())
assert "soulsgym" not in sys.modules and "gymnasium" not in sys.modules, "the spec needs neither"
environment = plugin.make(SoulsConfig(game="simulated"), 0)
assert environment.reset().observations["observation"].shape == (1, 96)
print("played")
"""


def test_client_plays_without_torch_and_without_posix_modules():
    done = subprocess.run([sys.executable, "-c", PROGRAM + CLIENT], capture_output=True, text=True, check=False)
    assert done.stdout == "played\n", done.stderr
