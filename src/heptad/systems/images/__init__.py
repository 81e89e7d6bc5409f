"""Visual search: a picture in, similar products out."""
