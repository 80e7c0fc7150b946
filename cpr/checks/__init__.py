"""Everything that would fail an upload or a request, found before it does."""
