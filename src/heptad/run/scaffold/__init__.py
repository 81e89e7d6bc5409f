"""``heptad new``: looks at a person's file of events and writes a working system for it."""
