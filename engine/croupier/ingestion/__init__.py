"""Logs of behaviour from elsewhere, read into a store by a declared mapping."""

from croupier.ingestion.mapping import Field, Mapping, Robots
from croupier.ingestion.run import Ingested, ingest

__all__ = ["Field", "Ingested", "Mapping", "Robots", "ingest"]
