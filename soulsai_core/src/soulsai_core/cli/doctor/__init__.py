"""`soulsai doctor`: looks before the start. `soulsai config check` is its part on settings."""

from soulsai_core.cli.doctor.command import add_arguments as add_arguments
from soulsai_core.cli.doctor.command import run as run
