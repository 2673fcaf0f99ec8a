"""What must outlive a process: the keys of callers, and the log of who did what to them."""
