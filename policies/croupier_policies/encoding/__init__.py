"""Raw rows to model rows: scaling, categories, random Fourier features."""
