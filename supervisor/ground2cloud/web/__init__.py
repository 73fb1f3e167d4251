"""The local API on loopback: reads snapshots, sends requests; never on the data path."""
