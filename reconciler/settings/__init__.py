"""Configuration of this program on this host: one TOML file, and the environment over it.

Nothing heavy is imported here: `present` tells whether there is anything to read, and costs a stat.
"""

from reconciler.settings.present import DEFAULT_FILE, present

__all__ = ["DEFAULT_FILE", "present"]
