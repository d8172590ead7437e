"""What happened to grants and who did it: an append-only record, listed in order."""
