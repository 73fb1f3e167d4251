"""Ask an application, gently and in its own words, whether it answers."""
