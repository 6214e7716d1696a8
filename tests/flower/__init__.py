"""The Workflows section inside a Flower that is not started: its requests are answered, nothing else runs."""
