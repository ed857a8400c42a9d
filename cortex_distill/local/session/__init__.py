"""Sessions: what they hold, what they run, what became of it."""
