"""How a training is: one judgment from its status, shared by terminal, page, metrics and messages."""
