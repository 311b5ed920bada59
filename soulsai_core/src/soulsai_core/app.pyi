"""The public names of `soulsai_core.app` and the modules they come from: their only list, which `app.py` reads."""

from .assembly.client import wait_for_announcement as wait_for_announcement
from .assembly.connecting import open_transport as open_transport
from .cli.connection import add_connection_arguments as add_connection_arguments
from .cli.connection import connect_from as connect_from
from .cli.display import log_file as log_file
from .cli.display import start_logging as start_logging
from .cli.interrupts import on_interrupt as on_interrupt
from .cli.options import add_config_arguments as add_config_arguments
from .cli.options import config_from as config_from
from .cli.waiting import wait_for_server as wait_for_server
from .cli.waiting import when_parent_ends as when_parent_ends
from .config import RedisSettings as RedisSettings
from .config import resolve_telemetry as resolve_telemetry
from .config.host_names import HostNames as HostNames
from .config.host_names import KnownHosts as KnownHosts
from .contracts import Entry as Entry
from .contracts import Transport as Transport
from .messages import Command as Command
from .messages import Reply as Reply
from .observers import Observers as Observers
from .rates import Rate as Rate
from .run_folder import RunFolder as RunFolder
from .run_folder import running_address as running_address
from .threads import RetryingThread as RetryingThread
from .transport.embedded import EmbeddedServer as EmbeddedServer
