"""Custom prediction routines: write, package, predict, replay and serve."""
