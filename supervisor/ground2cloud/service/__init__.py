"""Getting on with the service manager: its notifications, its journal."""
