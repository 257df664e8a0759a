"""data groups: images that look alike. torch is imported only by what computes."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithData
from roadseg.cli.terminal import live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.errors import ConfigError
from roadseg.system.files import check_new, write_text


class GroupsWords(WithData):
    """Where to look for groups, and where they go."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="whose data set")
    output: Annotated[Path, Flag("FILE.json")] = Field(description="where to store the groups")


def groups(words: GroupsWords) -> None:
    """Find images that look alike, and store them as groups for images of which the drives are not known."""
    from roadseg.data.datasets import dataset, label_space
    from roadseg.data.similar import find_groups
    from roadseg.system.processes import cpu_count

    settings = overridden(recipe(words.recipe), words.given)
    check_new(words.output)
    label_space(settings.data)
    kind, root = dataset(settings.data.name), settings.data.root
    assert root is not None  # label_space needed it
    records = [record for part in kind.labelled(root) for record in kind.records(root, part)]
    if len({record.group for record in records}) < len(records):
        if settings.data.name == "folder":
            raise ConfigError(
                "roadseg.yaml already defines groups; remove {group} from its paths to detect look-alikes instead"
            )
        raise ConfigError(f"the groups of {root} are known already (its drives); nothing to do")
    console = new_console()
    with live_display(console) as display:
        display.begin("looking at images", len(records))
        found = find_groups(records, display.advance, cpu_count())
    write_text(words.output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    sizes = Counter(found.values())
    alone = sum(size == 1 for size in sizes.values())
    largest = f"the largest has {max(sizes.values())}, {alone} are of one image"
    say(console, f"{len(found)} images in {len(sizes)} groups of look-alikes; {largest}")
    say(console, f"groups: {words.output}; name it in roadseg.yaml: groups: {words.output.name}")


GROUPS = Command(
    "groups", GroupsWords, groups, "roadseg data groups folder-fcn8s --data.root photos --output groups.json"
)
