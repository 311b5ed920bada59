"""The client: it steps an environment with the newest weights and sends the steps to the training node."""
