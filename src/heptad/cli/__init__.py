"""The command line: one command per module, each loaded when it is called."""
