"""All that is known of OpenSSH: its configuration, its keys, and what its words mean."""
