"""From a HostSnapshot to what it means; what of it may be published, and a published one as a host again."""

from reconciler.live.config import LiveConfig, read

__all__ = ["LiveConfig", "read"]
