"""Ground2Cloud: makes a private application reachable through a supervised reverse SSH tunnel."""

__version__ = "0.1.0"
