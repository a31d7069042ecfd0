"""LiveConfig → host file: what stands on a host, as a state repository would declare it."""

from reconciler.importer.host_file import Imported, Interests, interests, write

__all__ = ["Imported", "Interests", "interests", "write"]
