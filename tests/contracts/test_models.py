"""What every network must do, whatever it is built of. A new one in `NETWORKS` is tested here without another line."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from roadseg.config.overrides import choices
from roadseg.config.registry import NETWORKS, load
from roadseg.config.settings import Config, Data, Model, Optimizer, Transforms
from roadseg.errors import ConfigError
from roadseg.models import SegmentationModel, build
from roadseg.models.upsample import Grid, upsample

pytestmark = pytest.mark.slow

CLASSES = 5
SIZES = [(65, 97), (33, 200), (1, 1), (97, 65), (64, 96)]
OPTIONS = {
    name: {
        key: tuple(choices(Model.model_fields[key].annotation))
        for key in network.options
        if key not in ("batch_norm", "dropout")
    }
    for name, network in NETWORKS.items()
}
"""The values that are tried of a network's own settings, besides batch normalisation and dropout."""
GLOBAL = {"pspnet": "pyramid"}
"""Networks whose logits see the whole image, each with its part that does; without that part it is local."""


def variants(**fixed: object) -> list[Model]:
    """Every network with each combination of its own options, at a 32nd of its width, batch normalisation by turns."""
    result = []
    for name, own in OPTIONS.items():
        options = {key: (fixed[key],) if key in fixed else values for key, values in own.items()}
        for i, chosen in enumerate(itertools.product(*options.values())):
            settings = dict(zip(options, chosen, strict=True))
            plain = settings.get("padding") == "same" and settings.get("upsampling") == "bilinear"
            if settings.get("head") == "light" and not plain:
                continue  # caffe refuses it (tested below); learned upsampling works on any head's scores
            batch_norm = i % 2 == 1 and "batch_norm" in NETWORKS[name].options
            result.append(Model.model_validate({"name": name, "width": 1 / 32, "batch_norm": batch_norm} | settings))
    return result


def label(settings: Model) -> str:
    return "-".join([settings.name, *(str(getattr(settings, key)) for key in OPTIONS[settings.name])])


every_variant = pytest.mark.parametrize("settings", variants(), ids=label)
every_grid = pytest.mark.parametrize("settings", variants(skips="plain"), ids=label)


def make(settings: Model, seed: int = 0) -> nn.Module:
    """The network, lively enough that a fault shows: no skip of zeros, statistics unlike 0 and 1."""
    torch.manual_seed(seed)
    net = build(settings, CLASSES)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.get_buffer("running_mean"), -0.2, 0.2)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2)
        if isinstance(module, nn.Conv2d):
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
            if module.out_channels == CLASSES:
                nn.init.normal_(module.weight, std=0.1)
    return net


def make_local(net: nn.Module, name: str) -> nn.Module:
    """The network without its sight of the whole image: that part gives zeros."""
    if name in GLOBAL:
        for parameter in net.get_submodule(GLOBAL[name]).parameters():
            nn.init.zeros_(parameter)
    return net


def picture(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grid_of(net: nn.Module) -> Grid:
    assert isinstance(net.grid, Grid)
    return net.grid


def predict(net: nn.Module, images: Tensor) -> Tensor:
    """Logits at the images' size."""
    return upsample(net(images), grid_of(net), (images.shape[-2], images.shape[-1]))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cancelled(net: nn.Module) -> set[int]:
    """Biases that the batch normalisation right after them takes away again; their gradient is 0 but for rounding."""
    pairs = (pair for m in net.modules() if isinstance(m, nn.Sequential) for pair in itertools.pairwise(m))
    return {id(a.bias) for a, b in pairs if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d)}


@every_variant
def test_any_input_size_gives_finite_logits_of_that_size(settings: Model) -> None:
    net = make(settings).eval()
    for size in SIZES:
        with torch.no_grad():
            logits = predict(net, picture(1, 3, *size))
        assert logits.shape == (1, CLASSES, *size)
        assert logits.isfinite().all()
        assert logits.dtype == torch.float32


@every_variant
def test_gradients_reach_every_parameter(settings: Model) -> None:
    net = make(settings).train()
    images = picture(2, 3, 40, 64)
    (predict(net, images) * picture(2, CLASSES, 40, 64, seed=2)).mean().backward()  # type: ignore[no-untyped-call]
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.ne(0).any() or id(parameter) in cancelled(net), name


def trained_once(
    settings: Model, recompute: bool, bfloat16: bool = False, frozen: int = 0
) -> tuple[dict[str, Tensor], int]:
    """Logits, gradients, weights and statistics after a backward pass, and how often the trunk's blocks were run."""
    net = make(settings).train()
    net.trunk.recompute = recompute  # type: ignore[union-attr]
    runs = []
    for block in net.get_submodule("trunk.blocks").children():
        next(block.children()).register_forward_hook(lambda *_: runs.append(1))
    for block in list(net.get_submodule("trunk.blocks").children())[:frozen]:
        block.requires_grad_(False)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits = net(picture(2, 3, 40, 64))
    logits.square().mean().backward()
    gradients = {f"gradient of {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"logits": logits.detach(), **gradients, **net.state_dict()}, len(runs)


@every_variant
def test_activations_may_be_recomputed(settings: Model) -> None:
    """To the same bit, dropout and the statistics of batch normalisation included."""
    (kept, once), (recomputed, twice) = (trained_once(settings, recompute) for recompute in (False, True))
    assert (once, twice) == (5, 10)
    assert kept.keys() == recomputed.keys()
    for name, tensor in kept.items():
        assert torch.equal(tensor, recomputed[name]), name


@pytest.mark.parametrize("name", NETWORKS)
def test_frozen_blocks_are_not_recomputed(name: str) -> None:
    """In bfloat16, which is recomputed as such."""
    settings = Model(name=name, width=1 / 32)
    kept, _ = trained_once(settings, recompute=False, bfloat16=True, frozen=2)
    recomputed, runs = trained_once(settings, recompute=True, bfloat16=True, frozen=2)
    assert runs == 2 + 2 * 3
    assert all(torch.equal(tensor, recomputed[name]) for name, tensor in kept.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_recomputed_in_evaluation(name: str) -> None:
    net = make(Model(name=name, width=1 / 32)).eval()
    images = picture(1, 3, 40, 64)
    with torch.inference_mode():
        logits = net(images)
        net.trunk.recompute = True  # type: ignore[union-attr]
        assert torch.equal(net(images), logits)


@every_variant
def test_evaluation_repeats_itself_and_ignores_batch_mates(settings: Model) -> None:
    net = make(settings).eval()
    images = picture(2, 3, 33, 72)
    with torch.no_grad():
        logits = net(images)
        assert torch.equal(net(images), logits)
        torch.testing.assert_close(net(images[1:]), logits[1:], rtol=1e-4, atol=1e-5)


@every_variant
def test_channels_last_computes_the_same(settings: Model) -> None:
    net = make(settings).eval()
    images = picture(2, 3, 33, 72)
    with torch.no_grad():
        expected = net(images)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        logits = net(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@every_variant
def test_weights_survive_safetensors(settings: Model, tmp_path: Path) -> None:
    net, other = make(settings).eval(), make(settings, seed=1).eval()
    images = picture(1, 3, 20, 20)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    with torch.no_grad():
        assert not torch.equal(other(images), net(images))
        other.load_state_dict(load_file(tmp_path / "net.safetensors"))
        assert torch.equal(other(images), net(images))


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_builds_the_same_network(name: str) -> None:
    settings = Model(name=name, width=1 / 32)
    first, second = make(settings).state_dict(), make(settings).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@every_grid
def test_image_moved_by_32_pixels_moves_the_logits(settings: Model) -> None:
    """In columns that see neither border: fc6 sees 404 pixels, and the enlargement reaches two cells further."""
    net = make_local(make(settings).eval(), settings.name)
    scene, reach = picture(1, 3, 40, 2 * 272 + 96), 272
    with torch.no_grad():
        left, right = predict(net, scene[..., :-32]), predict(net, scene[..., 32:])
    inside = left[..., reach + 32 : -reach]
    assert inside.shape[-1] == 32
    assert inside.std() > 1e-3
    torch.testing.assert_close(inside, right[..., reach : -reach - 32], rtol=1e-4, atol=1e-4)


def linearise(net: nn.Module) -> nn.Module:
    """A network of averages: what a logit sees becomes symmetric about the middle of its receptive field.

    No layer enlarges or shrinks its input, so that each skip counts as much as the coarsest scores.
    """
    for parent in list(net.modules()):
        for name, module in parent.named_children():
            if isinstance(module, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(2, ceil_mode=True))
            elif isinstance(module, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.constant_(module.weight, 1 / module.weight[0].numel())
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return net.double().eval()


def seen_middle(logit: Tensor, images: Tensor, axis: int) -> float:
    """Row (axis 0) or column (1) of the middle of what a logit of a linearised network sees."""
    (gradient,) = torch.autograd.grad(logit, images, retain_graph=True)
    assert gradient.min() >= 0
    seen = gradient.sum((0, 1, 3 - axis))
    return float(seen @ torch.arange(len(seen), dtype=seen.dtype) / seen.sum())


DECODER_SHIFT, RESNET_SHIFT = 20.0, 15.5
INHERITED_SHIFT = {
    "fcn32_decoder": DECODER_SHIFT, "fcn16_decoder": DECODER_SHIFT, "fcn8_decoder": DECODER_SHIFT,
    "fcns": DECODER_SHIFT, "fcn_resnet18": RESNET_SHIFT, "segnet": 0.05,
}  # fmt: skip
"""Networks whose logits look beside their pixel, by at most so many pixels, which training has to make up for. The 3x3
transposed convolutions of the decoders put coarse cell i on fine cell 2i, not between 2i and 2i + 1, and so lose about
half a cell at each step: 7.5 pixels from pool4 on and 15.5 from pool5 on, odd and even pixels a little more or less.
ResNet's strided convolutions do so on the way down. SegNet's unpooling gives a cell to one of its four pixels."""


@every_grid
@pytest.mark.parametrize("axis", [0, 1])
def test_every_logit_looks_at_its_own_place(settings: Model, axis: int) -> None:
    """Along one axis of a narrow image: a coarse logit at the middle of its cell, an enlarged one at its pixel."""
    net = make_local(linearise(make(settings)), settings.name)
    images = torch.ones(1, 3, *((520, 20) if axis == 0 else (20, 520)), dtype=torch.float64, requires_grad=True)
    logits, grid = net(images), grid_of(net)
    tolerance = INHERITED_SHIFT.get(settings.name, 1e-6)
    cell = (265 + grid.margin) // grid.stride
    middle = seen_middle(logits[0, 0].select(axis, cell).sum(), images, axis)
    assert middle == pytest.approx(grid.stride * cell - grid.margin + (grid.stride - 1) / 2, abs=tolerance)
    if grid.stride > 1:
        pixels = upsample(logits, grid, (images.shape[-2], images.shape[-1]))
        assert seen_middle(pixels[0, 0].select(axis, 261).sum(), images, axis) == pytest.approx(261, abs=tolerance)


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_caffe_padding_refuses_the_light_head(name: str) -> None:
    with pytest.raises(ConfigError, match="padding 'caffe' has no head 'light'; use the head 'vgg', or padding 'same'"):
        build(Model(name=name, padding="caffe", head="light"), CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_registry_says_what_the_network_is_like(name: str) -> None:
    line = NETWORKS[name]
    made_by = load(line.made_by)
    assert issubclass(made_by, SegmentationModel)
    takes = set(inspect.signature(made_by).parameters) - {"classes"}
    assert takes >= {"width", *line.options, *line.arguments}
    assert not set(line.options) & set(line.arguments)
    assert line.finer is None or NETWORKS[line.finer].made_by == line.made_by
    trunk = build(Model(name=name, width=1 / 32), CLASSES).trunk
    assert len(trunk.blocks) == line.blocks
    assert trunk(picture(1, 3, 64, 96))[-1].shape[-2:] == (64 // line.stride, 96 // line.stride)


@pytest.mark.parametrize("name", NETWORKS)
def test_settings_that_a_network_cannot_take_are_refused_before_it_is_built(name: str) -> None:
    line, settings = NETWORKS[name], {"recipe": "a", "data": Data(name="kitti"), "model": Model(name=name)}
    few = (64, line.stride - 1)
    with pytest.raises(ValidationError, match=f"crop 64x{few[1]} is smaller than a cell of {name}; use at least"):
        Config.model_validate(settings | {"transforms": Transforms(crop=few)})
    with pytest.raises(ValidationError, match=f"frozen_blocks {line.blocks + 1} is more than {name} has; use at most"):
        Config.model_validate(settings | {"optimizer": Optimizer(frozen_blocks=line.blocks + 1)})
    fitting = {"transforms": Transforms(crop=(64, line.stride)), "optimizer": Optimizer(frozen_blocks=line.blocks)}
    Config.model_validate(settings | fitting)


def other_value(key: str) -> object:
    """A value of a network's setting that is not its default."""
    field = Model.model_fields[key]
    return {bool: True, float: 0.2}.get(type(field.default)) or next(
        value for value in reversed(choices(field.annotation)) if value != field.default
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("key", sorted({key for network in NETWORKS.values() for key in network.options}))
def test_a_setting_acts_or_is_refused(name: str, key: str) -> None:
    if key in NETWORKS[name].options:
        changed = build(Model.model_validate({"name": name, "width": 1 / 32, key: other_value(key)}), CLASSES)
        assert structure(changed) != structure(build(Model(name=name, width=1 / 32), CLASSES))
    else:
        with pytest.raises(ValidationError, match=f"{name} has no setting {key}, only width.* leave model.{key} at"):
            Model.model_validate({"name": name, key: other_value(key)})


def structure(net: nn.Module) -> str:
    """Layers with their settings, and how the skips begin."""
    return f"{net} {[name for name, tensor in net.state_dict().items() if tensor.eq(0).all()]} {grid_of(net)}"


@pytest.mark.parametrize(
    ("name", "near"), [("fcn8", "fcn8s"), ("fcn_32s", "fcn32s"), ("u-net", "unet"), ("fcn16-decoder", "fcn16_decoder")]
)
def test_unknown_name_lists_the_choices_and_the_nearest(name: str, near: str) -> None:
    with pytest.raises(
        ValidationError, match=f"no network '{name}'; did you mean {near}. choices: fcn32s, fcn16s, fcn8s"
    ):
        Model(name=name)


def test_unlike_any_name_lists_the_choices() -> None:
    with pytest.raises(ValidationError, match="no network 'yolo'; choices: fcn32s"):
        Model(name="yolo")


def vgg_layers(first_padding: int, sizes: list[int]) -> list[nn.Module]:
    """The notebook's list of layers: VGG16's convolutions and five poolings that round down."""
    layers: list[nn.Module] = []
    for i, (columns, rows) in enumerate(itertools.pairwise([3, *sizes])):
        layers += [nn.Conv2d(columns, rows, 3, padding=1 if i else first_padding), nn.ReLU(inplace=True)]
        if i in (1, 3, 6, 9, 12):
            layers.append(nn.MaxPool2d(2, 2))
    return layers


class AssignmentFCN32(nn.Module):
    """FCN32 of the course assignment (docs/assignment.md), layer by layer."""

    def __init__(self, sizes: list[int], hidden: int, classes: int) -> None:
        super().__init__()
        self.features_map = nn.Sequential(*vgg_layers(100, sizes))
        self.conv = nn.Sequential(
            nn.Conv2d(sizes[-1], hidden, 7), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout(),
        )  # fmt: skip
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        self.upscore = nn.ConvTranspose2d(classes, classes, 64, 32, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        upscore: Tensor = self.upscore(self.score_fr(self.conv(self.features_map(x))))
        return upscore[:, :, 19 : 19 + x.shape[2], 19 : 19 + x.shape[3]].contiguous()


class AssignmentFCN16(nn.Module):
    """FCN16s of the course assignment (docs/assignment.md), layer by layer; FCNs of its source with four skips."""

    def __init__(self, sizes: list[int], decoder: list[int], classes: int, all_skips: bool = False) -> None:
        super().__init__()
        self.all_skips = all_skips
        self.features = nn.Sequential(*vgg_layers(1, sizes))
        for i, (columns, rows) in enumerate(itertools.pairwise([sizes[-1], *decoder]), start=1):
            self.add_module(f"deconv{i}", nn.ConvTranspose2d(columns, rows, 3, 2, padding=1, output_padding=1))
            self.add_module(f"bn{i}", nn.BatchNorm2d(rows))
        self.classifier = nn.Conv2d(decoder[-1], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        pools = [x := self.features[a:b](x) for a, b in itertools.pairwise((0, 5, 10, 17, 24, 31))]
        score = pools.pop()
        for i in range(1, 6):
            score, norm = self.get_submodule(f"deconv{i}")(score).relu(), self.get_submodule(f"bn{i}")
            if self.all_skips:
                score = norm(score) + (pools.pop() if pools else 0)
            else:
                score = norm(score + pools.pop() if i == 1 else score)
        logits: Tensor = self.classifier(score)
        return logits


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy layer by layer, kind by kind, in the order in which they were made."""
    for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d):
        pairs = [[m for m in net.modules() if isinstance(m, kind)] for net in (source, target)]
        for ours, theirs in zip(*pairs, strict=True):
            theirs.load_state_dict(ours.state_dict())


def channels_of(net: nn.Module) -> list[int]:
    return [m.out_channels for m in net.get_submodule("trunk").modules() if isinstance(m, nn.Conv2d)]


class TestAssignment:
    """The two networks that roadseg starts from compute what the assignment's code computes."""

    def build_both(self) -> tuple[nn.Module, AssignmentFCN32]:
        settings = Model(name="fcn32s", width=1 / 32, padding="caffe", upsampling="learned")
        net = make(settings).eval()
        nn.init.normal_(net.get_parameter("final.weight"), std=0.1)
        reference = AssignmentFCN32(channels_of(net), 128, CLASSES).eval()
        upscore = reference.upscore
        reference.upscore = nn.Identity()  # type: ignore[assignment]
        copy_in_order(net, reference)
        upscore.weight = net.get_parameter("final.weight")
        reference.upscore = upscore
        return net, reference

    @pytest.mark.parametrize("size", [(58, 90), (26, 122)])
    def test_fcn32(self, size: tuple[int, int]) -> None:
        """At sizes of 26 + 32 k, where the notebook's poolings, which round down, lose nothing of the padded image."""
        net, reference = self.build_both()
        images = picture(2, 3, *size)
        with torch.no_grad():
            expected = reference(images)
            assert expected.std() > 0.01
            torch.testing.assert_close(net(images), expected, rtol=1e-5, atol=1e-5)

    def test_fcn32_at_other_sizes_differs_near_the_far_borders_only(self) -> None:
        """We round up like Caffe's own model; the notebook loses the last, partly filled row and column of cells.

        With 256 rows it has 14 cells of pool5 where we have 15. The lost one shows in pool5 from row 11 on, through the
        3x3 convolutions, hence in fc6 from row 5 on and in pixels from 5 * 32 - 19 on; likewise in columns.
        """
        net, reference = self.build_both()
        images = picture(1, 3, 256, 320)
        with torch.no_grad():
            ours, theirs = net(images), reference(images)
        assert ours.shape == theirs.shape == (1, CLASSES, 256, 320)
        torch.testing.assert_close(ours[..., :141, :205], theirs[..., :141, :205], rtol=1e-5, atol=1e-5)
        assert not torch.allclose(ours[..., -19:, :], theirs[..., -19:, :], atol=1e-2)

    @pytest.mark.parametrize("name", ["fcn16_decoder", "fcns"])
    def test_fcn16_and_fcns(self, name: str) -> None:
        net = make(Model(name=name, width=1 / 32)).eval()
        decoder = [m.out_channels for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]
        reference = AssignmentFCN16(channels_of(net), decoder, CLASSES, all_skips=name == "fcns").eval()
        copy_in_order(net, reference)
        images = picture(2, 3, 64, 96)
        with torch.no_grad():
            torch.testing.assert_close(net(images), reference(images), rtol=1e-5, atol=1e-5)
