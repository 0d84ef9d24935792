"""Working with font files: finding them, what they cover, merging them. Only `pixlm fonts` and scripts need this."""
