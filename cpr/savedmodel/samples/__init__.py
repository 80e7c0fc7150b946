"""Samples for models: requests and arrays made up of what a signature and its graph declare."""
