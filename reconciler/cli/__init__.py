"""The faces: parse, call, print, map to an exit code."""
