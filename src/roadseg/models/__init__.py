"""Networks. Each maps normalised images (B, 3, H, W) to coarse logits and says in `grid` where they lie.

`config.registry.NETWORKS` lists them; a class's docstring says what it costs.
"""

from roadseg.config.registry import NETWORKS, load
from roadseg.config.settings import Model
from roadseg.models.base import SegmentationModel

__all__ = ["SegmentationModel", "build"]


def build(settings: Model, classes: int) -> SegmentationModel:
    """The network with random weights from torch's current random state."""
    network = NETWORKS[settings.name]
    options = settings.model_dump(include={"width", *network.options})
    model: SegmentationModel = load(network.made_by)(classes, **network.arguments, **options)
    return model
