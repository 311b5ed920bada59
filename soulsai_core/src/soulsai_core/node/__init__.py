"""The training node: the loop that trains, and the threads around it."""
