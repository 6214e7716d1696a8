"""What can be done with definitions and executions: one function each. Interfaces parse, call one, and render."""
