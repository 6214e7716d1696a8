"""What must hold for every definition, and under every fault."""
