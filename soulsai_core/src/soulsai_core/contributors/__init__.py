"""Contributors, invited players: their limits, the inspection of what they send, and statistics of it."""
