"""Many rows at once: training sets, labels, and histories brought in from files and frames."""
