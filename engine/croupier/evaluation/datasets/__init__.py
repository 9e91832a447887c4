"""Logged data sets as columns: from files, frames and stores, checked, evaluated and written."""

from croupier.evaluation.datasets.base import Arrays, Batch, Dataset, Round
from croupier.evaluation.datasets.dsjson import DsJson
from croupier.evaluation.datasets.dsjson_export import to_dsjson
from croupier.evaluation.datasets.evaluate import compare_dataset, evaluate_dataset
from croupier.evaluation.datasets.export import to_arrow, to_columns, to_csv, to_parquet
from croupier.evaluation.datasets.obp import from_obp, to_obp
from croupier.evaluation.datasets.parts import Part, evaluate_parts, gather
from croupier.evaluation.datasets.store import StoreRows
from croupier.evaluation.datasets.tables import Csv, Parquet, from_frame, from_path
from croupier.evaluation.datasets.validate import Validator

__all__ = [
    "Arrays",
    "Batch",
    "Csv",
    "Dataset",
    "DsJson",
    "Parquet",
    "Part",
    "Round",
    "StoreRows",
    "Validator",
    "compare_dataset",
    "evaluate_dataset",
    "evaluate_parts",
    "from_frame",
    "from_obp",
    "from_path",
    "gather",
    "to_arrow",
    "to_columns",
    "to_csv",
    "to_dsjson",
    "to_obp",
    "to_parquet",
]
