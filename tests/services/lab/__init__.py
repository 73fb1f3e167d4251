"""Machines that boot in a second: a real init as process 1 over a throwaway view of this system."""
