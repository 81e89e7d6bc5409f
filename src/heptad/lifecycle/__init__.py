"""Training, comparing, retraining and rolling out: what acts on a system over its life."""
