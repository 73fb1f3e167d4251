"""From a TOML file to a frozen, checked configuration; errors name the file and the key."""
