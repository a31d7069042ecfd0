"""What leaves for people: comments and commit statuses on forges."""
