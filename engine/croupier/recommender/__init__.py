"""Recommending: ordered lists from catalogues of thousands of items, and what they earned at each place."""

from croupier.catalogue import Catalogue
from croupier.recommender.lists import Recommendation

__all__ = ["Catalogue", "Recommendation"]
