"""From a HostSnapshot to what it means."""

from reconciler.live.config import LiveConfig, read

__all__ = ["LiveConfig", "read"]
