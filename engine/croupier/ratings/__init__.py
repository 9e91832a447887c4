"""Recommending: ordered lists from catalogues of thousands of items, and what they earned at each place."""

from croupier.log.catalogue import Catalogue
from croupier.runtime.lists import Recommendation

__all__ = ["Catalogue", "Recommendation"]
