"""The wall around plugins: what they give is held against what their contract promises, so that a mistake is told where
it is made, with the plugin's name and the method's.

Whole values are looked at when something is made, and at the first call for each model; after that each call's shapes
and dtypes are. The values of all rows are the recorder's to look at. A call that takes long is named, never ended.
"""

from soulsai_core.plugins.wall.actor import WalledActor as WalledActor
from soulsai_core.plugins.wall.environment import WalledEnvironment as WalledEnvironment
from soulsai_core.plugins.wall.learner import WalledLearner as WalledLearner
from soulsai_core.plugins.wall.plugins import walled as walled
from soulsai_core.plugins.wall.running import LongCalls as LongCalls
from soulsai_core.plugins.wall.sentences import Wall as Wall
