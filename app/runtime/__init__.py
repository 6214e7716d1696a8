"""The runtime: claim, run, complete, go on, park, retry; dispatch; recovery."""
