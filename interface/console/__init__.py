"""The web console: pages made on the server from what the store has; it changes nothing but by commands of the work."""
