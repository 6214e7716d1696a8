"""One module for each family of paths, as Conductor's controllers have them."""
