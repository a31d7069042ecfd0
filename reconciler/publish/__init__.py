"""Snapshots on their way to reviewers: the key that signs them, who may sign, and the places they are put and read."""
