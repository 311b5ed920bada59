"""Checks what plugins return against their contracts. An error names the plugin, the method, and what was promised.

Values are checked in full when an object is made and at the first call for each model, and afterwards by shape and
dtype at each call. The values of all rows are checked by the recorder. A call that takes long is logged, never ended.
"""

from soulsai_core.plugins.checks.actor import CheckedActor as CheckedActor
from soulsai_core.plugins.checks.checker import Checker as Checker
from soulsai_core.plugins.checks.connector import CheckedConnector as CheckedConnector
from soulsai_core.plugins.checks.environment import CheckedEnvironment as CheckedEnvironment
from soulsai_core.plugins.checks.learner import CheckedLearner as CheckedLearner
from soulsai_core.plugins.checks.long_calls import LongCalls as LongCalls
from soulsai_core.plugins.checks.long_calls import RunningCall as RunningCall
from soulsai_core.plugins.checks.plugins import checked as checked
