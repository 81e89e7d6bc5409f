"""Trees of LightGBM, walked for a few hundred rows at once, to the same bits."""
