"""The HTTPS API between agent and gateway: messages, server, client."""
