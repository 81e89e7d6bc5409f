"""A tiny classification: payments at tills, some of which are reported as thefts seven days later."""
