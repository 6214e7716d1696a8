"""The demonstration: `python -m app.demo` runs a shop's orders on a Podium of its own and shows them."""
