"""The public names of `soulsai_telemetry` and their modules: the only list of them, which `__init__.py` reads."""

from .config import TelemetryConfig as TelemetryConfig
from .history.history import Curve as Curve
from .history.history import History as History
from .history.records import BestScore as BestScore
from .history.records import ClientSummary as ClientSummary
from .history.records import EpisodeRecord as EpisodeRecord
from .history.records import SavedModel as SavedModel
from .history.records import TrainingStatus as TrainingStatus
from .history.update import HistoryUpdate as HistoryUpdate
from .hookspecs import TelemetrySpecs as TelemetrySpecs
from .node import TelemetryNode as TelemetryNode
