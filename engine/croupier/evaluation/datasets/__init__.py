"""Logged data sets as columns: from files, frames and stores, checked, evaluated and written."""

from croupier.evaluation.datasets.base import Arrays, Batch, Dataset
from croupier.evaluation.datasets.dsjson import DsJson
from croupier.evaluation.datasets.evaluate import evaluate_dataset
from croupier.evaluation.datasets.store import StoreRows, to_arrow, to_parquet
from croupier.evaluation.datasets.tables import Csv, Parquet, from_frame, from_obp, from_path
from croupier.evaluation.datasets.validate import Validator

__all__ = [
    "Arrays",
    "Batch",
    "Csv",
    "Dataset",
    "DsJson",
    "Parquet",
    "StoreRows",
    "Validator",
    "evaluate_dataset",
    "from_frame",
    "from_obp",
    "from_path",
    "to_arrow",
    "to_parquet",
]
