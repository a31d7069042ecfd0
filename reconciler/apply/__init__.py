"""The transaction: stage, check, swap, postmap, reload, prove; and back where it does not hold."""
