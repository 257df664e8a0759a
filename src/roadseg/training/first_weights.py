"""The weights that a network begins with: random, pretrained on ImageNet, or those of another run."""

from roadseg.config.settings import Model
from roadseg.errors import RunError
from roadseg.models import SegmentationModel
from roadseg.models.weights import load_imagenet, locate, read_tensors
from roadseg.runs.run_dir import RunDir


def first_weights(model: SegmentationModel, settings: Model) -> str:
    """Fill the network from the file or the run that the settings name; says what was filled."""
    if settings.weights is not None:
        return " and ".join(load_imagenet(model, read_tensors(locate(settings.weights, model.trunk)))) + " pretrained"
    if settings.from_run is None:
        return "from random weights"
    weights = RunDir(settings.from_run).weights("best")
    own = model.state_dict()
    final = weights.get("final.weight")
    if final is not None and "final.weight" in own and own["final.weight"].shape != final.shape:
        del weights["final.weight"]  # the last learned enlargement: another stride has another kernel
    wrong = [name for name, tensor in weights.items() if name not in own or own[name].shape != tensor.shape]
    if wrong:
        raise RunError(
            f"{wrong[0]} of {settings.from_run} has no place in this network; "
            "start from a run of the next coarser network with the same classes, width, head and padding"
        )
    model.load_state_dict(weights, strict=False)
    return f"from {settings.from_run}"
