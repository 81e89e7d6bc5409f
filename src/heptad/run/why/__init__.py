"""`heptad why`: a logged decision made again from the event log, and compared with what was logged."""
