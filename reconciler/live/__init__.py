"""From a HostSnapshot to what it means."""
