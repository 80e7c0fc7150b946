"""The pages of a server: everything over HTTP that is not a prediction in a hurry."""
