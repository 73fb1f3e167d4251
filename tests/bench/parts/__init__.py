"""The parts of the bench: each measures one thing and returns its rows."""
