#!/usr/bin/env bash
# From nothing to a report on two networks and labelled pictures: `make demo`. Everything goes into demo/.
# Finished parts are kept, an interrupted training continues, and `rm -r demo` starts afresh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SIZE=(--width 256 --height 96) # pixels of a street: small enough for minutes on two cores

say() { printf '\n== %s\n' "$*"; }

say "1/3 Drawing labelled streets"
if [ -f demo/streets/drives.txt ]; then # written last
    echo "demo/streets is there already"
else
    rm -rf demo/streets
    roadseg data synthesize demo/streets --drives 48 --frames 2 "${SIZE[@]}"
fi

say "2/3 Training FCN-32s and FCN-16s, and comparing them on drives that neither has seen"
roadseg study demo-fcn32s demo-fcn16s --data.root demo/streets --output demo/study

say "3/3 Labelling new streets"
if [ ! -f demo/new/drives.txt ]; then
    rm -rf demo/new
    roadseg data synthesize demo/new --drives 4 --frames 1 "${SIZE[@]}" --seed 1 >/dev/null
fi
for network in fcn32s fcn16s; do
    roadseg predict "demo/study/runs/demo-$network/seed-0" demo/new/training/image_2 \
        --output "demo/predictions/$network" >/dev/null
done

cat <<'END'

Done. Open in a browser:
  demo/study/report.html                the two networks compared: scores, curves, confusions, best and worst images
and look into:
  demo/predictions/fcn16s/overlay/      new streets with the predicted classes and a legend
  demo/predictions/fcn16s/confidence/   how sure it is, from black (0) to white (1)
END
