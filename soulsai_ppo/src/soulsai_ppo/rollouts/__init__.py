"""From the steps of a round to advantages."""
