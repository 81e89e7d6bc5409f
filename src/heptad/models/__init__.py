"""Models, one family per file: each fits, predicts, saves and loads; heavy packages load on first use."""
