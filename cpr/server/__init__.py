"""The server: a supervisor, fronts that own the sockets, workers that predict.

Nothing here is imported by a command other than `cpr serve` and `cpr reload`;
what runs in which process is in docs/serving.md.
"""
