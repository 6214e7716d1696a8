"""The real engine and store in one process; only the broker, and the clock, are a test's own."""
