"""Hours in minutes: mixed executions, operators and lost processes at random, and the memory of each process."""
