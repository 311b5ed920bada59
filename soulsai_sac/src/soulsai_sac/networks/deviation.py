"""The range of the policy's deviation, which numpy's and torch's policy share."""

from __future__ import annotations

# Bounds of the logarithm of the deviation, before squashing. The network's output is mapped to them by tanh and not
# clipped, since clipped outputs would have no gradient to come back by. Deviations above e^2 would only push actions to
# their bounds, and those below e^-5 let the density explode.
LOG_STD_LOW = -5.0
LOG_STD_HIGH = 2.0
