"""Card fraud: late labels, a review queue, thieves that move on."""
