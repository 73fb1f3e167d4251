"""The composition roots: the only place where the parts are wired together."""
