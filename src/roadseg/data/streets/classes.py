"""Ids of what is drawn, taken from the table of the Cityscapes labels."""

from roadseg.labels import cityscapes

_SPACE = cityscapes("all")
_IDS = {label.name: label.id for label in (*_SPACE.classes, *_SPACE.ignored)}

STATIC = _IDS["static"]
ROAD = _IDS["road"]
SIDEWALK = _IDS["sidewalk"]
BUILDING = _IDS["building"]
WALL = _IDS["wall"]
FENCE = _IDS["fence"]
POLE = _IDS["pole"]
TRAFFIC_LIGHT = _IDS["traffic light"]
TRAFFIC_SIGN = _IDS["traffic sign"]
VEGETATION = _IDS["vegetation"]
TERRAIN = _IDS["terrain"]
SKY = _IDS["sky"]
PERSON = _IDS["person"]
RIDER = _IDS["rider"]
CAR = _IDS["car"]
TRUCK = _IDS["truck"]
BUS = _IDS["bus"]
MOTORCYCLE = _IDS["motorcycle"]
BICYCLE = _IDS["bicycle"]
