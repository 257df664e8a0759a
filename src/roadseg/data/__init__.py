"""Images and labels: from the folders of a data set to batches for a network."""

from roadseg.data.datasets import Divided, dataset, label_space, load_records

__all__ = ["Divided", "dataset", "label_space", "load_records"]
