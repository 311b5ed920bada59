"""The essentials of the contract kits as functions: they try one plugin in this process, in seconds and without pytest.

Each trial is an iterator of findings. What a plugin does wrong is raised where it happens, and `findings_of` turns it
into the last finding.
"""

from soulsai_core.plugins.findings import OK as OK
from soulsai_core.plugins.findings import PROBLEM as PROBLEM
from soulsai_core.plugins.findings import WARNING as WARNING
from soulsai_core.plugins.findings import Finding as Finding
from soulsai_core.plugins.findings import findings_of as findings_of
from soulsai_core.testing.trials.kinds import TRIALS as TRIALS
from soulsai_core.testing.trials.kinds import assert_essentials as assert_essentials
