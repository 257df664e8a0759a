"""Which raw drive and frame each training image of KITTI 2015 comes from, as far as KITTI tells.

Source: `mapping/train_mapping.txt` of the KITTI 2015 stereo and flow development kit (Menze and Geiger, CVPR 2015); the
semantic benchmark labels the same 200 images under the same indices. The kit names a raw drive for 142 of them.
"""

from typing import NamedTuple

IMAGES = 200
"""Number of labelled training images; their indices are 000000 to 000199."""


class Frame(NamedTuple):
    """A raw drive of KITTI and a frame number in it (10 frames a second)."""

    drive: str
    number: int


# One line for each drive (without its ending _sync): image index:frame number.
_DRIVES = """
2011_09_26_drive_0005 2:10 3:59
2011_09_26_drive_0009 7:354 8:364 9:374 10:384 11:394 12:414
2011_09_26_drive_0011 13:111 14:127 15:147 16:157 17:167
2011_09_26_drive_0013 18:10 19:20 20:40 21:70
2011_09_26_drive_0014 22:10 23:20 24:30 25:50 26:60 27:129 28:141 29:152 30:172 31:192 32:213 33:240
2011_09_26_drive_0015 34:187 35:197 36:209 37:219 38:229 39:239 40:264 41:273 42:286
2011_09_26_drive_0017 43:10 44:30 45:40 46:50
2011_09_26_drive_0018 47:46 48:66 49:76 50:86 51:96 52:106 53:133
2011_09_26_drive_0019 54:30 55:87 56:97
2011_09_26_drive_0022 57:634 58:644 59:654
2011_09_26_drive_0027 60:53 61:103
2011_09_26_drive_0028 62:71 63:118 64:228 65:269 66:284 67:303 68:313 69:378
2011_09_26_drive_0029 70:16 71:123
2011_09_26_drive_0032 72:95 73:114 74:125 75:207 76:218 77:330 78:340 79:350 80:360 81:378
2011_09_26_drive_0036 83:54 84:402
2011_09_26_drive_0046 85:52 86:62
2011_09_26_drive_0051 88:23 89:218 90:230 91:282 92:292 93:302 94:312 95:322 96:342 97:356 98:379
2011_09_26_drive_0056 105:10 106:82 107:122 108:132 109:191 110:201 111:282
2011_09_26_drive_0057 112:125 113:140 114:176 115:299 116:319 117:339
2011_09_26_drive_0059 118:26 119:46 120:137 121:150 122:260 123:280 124:290 125:300 126:310 127:320
2011_09_26_drive_0070 128:69 129:224
2011_09_26_drive_0084 130:84 131:179 132:238
2011_09_26_drive_0096 141:20 142:278 143:381
2011_09_26_drive_0101 144:109 145:175 146:447 147:457 148:809
2011_09_26_drive_0104 149:15 150:35
2011_09_28_drive_0002 155:343
2011_09_29_drive_0004 157:36 158:79 159:94 160:105 161:162 162:258 163:285 164:308
2011_09_29_drive_0071 168:59 169:943
2011_10_03_drive_0047 199:556
"""


def _frames() -> dict[str, Frame]:
    rows = (line.split() for line in _DRIVES.strip().splitlines())
    pairs = ((drive, *pair.split(":")) for drive, *row in rows for pair in row)
    return {f"{int(index):06d}": Frame(f"{drive}_sync", int(number)) for drive, index, number in pairs}


FRAMES = _frames()
"""Raw frame by six-digit image index; indices of unknown drive are missing."""


def _unknown_groups() -> dict[str, str]:
    unknown = [i for i in range(IMAGES) if f"{i:06d}" not in FRAMES]
    starts = [i for i in unknown if i - 1 not in unknown]
    ends = [i for i in unknown if i + 1 not in unknown]
    return {
        f"{i:06d}": f"unknown_{start:06d}" if start == end else f"unknown_{start:06d}-{end:06d}"
        for start, end in zip(starts, ends, strict=True)
        for i in range(start, end + 1)
    }


UNKNOWN_GROUPS = _unknown_groups()
"""Group by six-digit index for the 58 images of unknown drive: neighbours in a row, such as `unknown_000004-000006`.

The indices are sorted by drive and frame, and pictures of neighbours show that they share drives too (000004 to 000006
follow the same van), so each as a group of its own would leak. A row may hold several drives: that costs a split some
freedom and never its honesty.
"""


def group(index: str) -> str:
    """The drive of a six-digit image index; the row of unknown ones that it stands in; or a group of its own."""
    if index in FRAMES:
        return FRAMES[index].drive
    return UNKNOWN_GROUPS.get(index, f"unknown_{index}")
