"""From the steps of a round to what is learnt from it."""
