"""LiveConfig → host file: what stands on a host, as a state repository would declare it."""

from reconciler.importer.adopt import CannotAdopt, Patch, adopt
from reconciler.importer.host_file import Imported, Interests, interests, write

__all__ = ["CannotAdopt", "Imported", "Interests", "Patch", "adopt", "interests", "write"]
