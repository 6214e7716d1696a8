"""Events: publish, receive, and act on what was received."""
