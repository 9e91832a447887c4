"""Logged data sets as columns: read from files, frames and stores, validated, evaluated and exported."""

from croupier.evaluation.datasets.base import Batch, Dataset, InMemoryDataset, Round
from croupier.evaluation.datasets.dsjson import DsJson
from croupier.evaluation.datasets.dsjson_export import to_dsjson
from croupier.evaluation.datasets.evaluate import compare_dataset, evaluate_dataset
from croupier.evaluation.datasets.export import to_arrow, to_columns, to_csv, to_parquet
from croupier.evaluation.datasets.obp import from_obp, to_obp
from croupier.evaluation.datasets.partitions import PartitionResult, evaluate_partition, merge_partitions
from croupier.evaluation.datasets.store import StoreRows
from croupier.evaluation.datasets.tables import Csv, Parquet, from_frame, from_path
from croupier.evaluation.datasets.validate import Validator

__all__ = [
    "Batch",
    "Csv",
    "Dataset",
    "DsJson",
    "InMemoryDataset",
    "Parquet",
    "PartitionResult",
    "Round",
    "StoreRows",
    "Validator",
    "compare_dataset",
    "evaluate_dataset",
    "evaluate_partition",
    "from_frame",
    "from_obp",
    "from_path",
    "merge_partitions",
    "to_arrow",
    "to_columns",
    "to_csv",
    "to_dsjson",
    "to_obp",
    "to_parquet",
]
