"""The training node: the loop that trains, and the threads around it."""

# The public names list it as a module, and are loaded lazily: a package has its modules only once they are imported.
from soulsai_core.node import formatting as formatting
