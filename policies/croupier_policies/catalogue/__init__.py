"""Catalogues of thousands of items, and ordered lists."""
