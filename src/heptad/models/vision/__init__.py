"""Pictures as vectors: decoding, a frozen network that turns pixels into features, and a learned projection."""
