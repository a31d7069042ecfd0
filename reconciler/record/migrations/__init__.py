"""The schema of the store, version by version. A version that was released is never edited."""
