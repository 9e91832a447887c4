"""Recommendation: catalogues and ordered lists, cross-validation of rating models, and evaluation of lists by place."""

from croupier.log.catalogue import Catalogue
from croupier.runtime.lists import Recommendation

__all__ = ["Catalogue", "Recommendation"]
