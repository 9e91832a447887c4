"""Ingestion of event logs from files into a store, as observations, by a declared mapping of columns."""

from croupier.ingestion.mapping import Field, Mapping, Robots
from croupier.ingestion.run import IngestionCounts, ingest

__all__ = ["Field", "IngestionCounts", "Mapping", "Robots", "ingest"]
