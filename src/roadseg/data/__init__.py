"""Images and labels: from the folders of a data set to batches for a network."""

from roadseg.data.datasets import DATASETS, Dataset, Divided, dataset, label_space, load_records

__all__ = ["DATASETS", "Dataset", "Divided", "dataset", "label_space", "load_records"]
