"""All that is known of HAProxy: routes to configuration, its runtime socket, what it says."""
