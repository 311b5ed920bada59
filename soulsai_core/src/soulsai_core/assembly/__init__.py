"""Builds real objects and wires them together: transports, training nodes, clients and agents."""
