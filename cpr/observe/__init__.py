"""What the server says of itself: counters, Prometheus text, logs and traces.

Nothing here costs a request more than a few microseconds, and nothing here
can stop one: a full disk or a collector that is away is counted, not raised.
"""
