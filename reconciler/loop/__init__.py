"""One pass, in the order of the design, without a decision of its own."""
