"""Finds plugins (`catalog`) and checks what they return (`checks`); `examples` has one to copy."""
