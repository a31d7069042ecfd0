"""What listens: the receiver of pushes. Loopback unless the settings say otherwise."""
