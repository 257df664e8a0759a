"""One event file of TensorBoard, in the format of the package tensorboard, without a thread of its own.

Each record has left the process when a method returns. So nothing that was told before a checkpoint is lost when the
process is killed after it, and a full disk is met where it can be told.
"""

from __future__ import annotations

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
    """Points of curves, and pictures. Every method raises `WorkFailed` where the disk refuses."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file

    @classmethod
    def begin(cls, folder: Path, step: int) -> EventFile:
        """A new file in `folder`; it hides what the files before it tell of `step` and later steps."""
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
        """A point of the curve `tag`."""
        self._write(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))

    def picture(self, tag: str, step: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture among those of `tag`."""
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
        with suppress(OSError):  # of what could not be written, and was told
            self.file.close()
