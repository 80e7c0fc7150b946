"""Where a model directory comes from, and what is in it."""
