"""One event file of TensorBoard, written without a thread (docs/decisions/0028-event-files.md).

Each record is written when the method returns. So a killed process loses no point from before its checkpoint, and a
full disk is reported where it happens.
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from roadseg.inference.visualize import png
from roadseg.system.files import failed


class EventFile:
    """Points of curves, and pictures. Every method raises `WorkFailed` if the file cannot be written."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file

    @classmethod
    def begin(cls, folder: Path, step: int) -> "EventFile":
        """Open a new file in `folder`, which hides the points of earlier files from `step` on."""
        path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            events = cls(path, path.open("wb"))
        except OSError as error:
            raise failed(path, error) from error
        events._write(file_version="brain.Event:2")
        events._write(step=step, session_log=SessionLog(status=SessionLog.START))
        return events

    def point(self, tag: str, step: int, value: float) -> None:
        """Write a point of the curve `tag`."""
        self._write(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))

    def picture(self, tag: str, step: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Write a picture of the series `tag`."""
        height, width, colors = pixels.shape
        image = Summary.Image(height=height, width=width, colorspace=colors, encoded_image_string=png(pixels))
        self._write(step=step, summary=Summary(value=[Summary.Value(tag=tag, image=image)]))

    def _write(self, **content: Any) -> None:
        try:
            RecordWriter(self.file).write(Event(wall_time=time.time(), **content).SerializeToString())
            self.file.flush()
        except OSError as error:
            raise failed(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # already reported when it was written
            self.file.close()
