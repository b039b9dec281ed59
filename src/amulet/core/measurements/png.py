"""Small images as PNG, without loss, and back. ISO/IEC 15948:2004, https://www.w3.org/TR/png-3/, section 5.

Only the simplest form is written, and no other is read: a header, one block of data, an end; 8 bits a channel, grey or
colour. So files from elsewhere cannot bring anything else with them, such as texts, animations, or more pixels than
they say.
"""

import struct
import zlib
from typing import Final

import numpy as np
import torch
from torch import Tensor

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES: Final = {1: 0, 3: 2}
"""By number of channels."""


def encoded_png(image: Tensor) -> bytes:
    """An image as a PNG file.

    Args:
        image: (channels, height, width) uint8, 1 channel for grey or 3 for red, green and blue.

    Example:
        >>> image = torch.tensor([[[0, 128, 255]]], dtype=torch.uint8)
        >>> decoded_png(encoded_png(image), most=8)
        tensor([[[  0, 128, 255]]], dtype=torch.uint8)
    """
    channels, height, width = image.shape
    lines = image.permute(1, 2, 0).reshape(height, width * channels).contiguous().numpy()
    content = b"".join(b"\0" + line.tobytes() for line in lines)  # 0: the line is not filtered
    return _file(width, height, channels, zlib.compress(content, 9))


def decoded_png(content: bytes, most: int) -> Tensor:
    """The image in a PNG file that `encoded_png` wrote.

    Args:
        content: the file.
        most: the largest height and width that is read.

    Returns:
        (channels, height, width) uint8.

    Raises:
        ValueError: it is another file, damaged, or larger. The message is the end of a sentence about the file.
    """
    try:
        width, height, _, colour = struct.unpack(">IIBB", content[16:26])
        channels = {code: channels for channels, code in _COLOUR_TYPES.items()}[colour]
        (size,) = struct.unpack(">I", content[33:37])
    except (struct.error, KeyError):
        raise ValueError("is no PNG as Amulet writes it") from None
    if not (0 < width <= most and 0 < height <= most):
        raise ValueError(f"must have 1 to {most} pixels a side, not {width} x {height}")
    compressed = content[41 : 41 + size]
    if content != _file(width, height, channels, compressed):
        raise ValueError("is no PNG as Amulet writes it, or is damaged")
    expected = height * (1 + width * channels)
    reader = zlib.decompressobj()
    try:
        lines = reader.decompress(compressed, expected + 1)
    except zlib.error:
        raise ValueError("holds damaged data") from None
    if len(lines) != expected or not reader.eof or reader.unused_data:
        raise ValueError("holds more or fewer pixels than it says")
    table = np.frombuffer(lines, np.uint8).reshape(height, -1)
    if table[:, 0].any():
        raise ValueError("is no PNG as Amulet writes it")
    return torch.from_numpy(table[:, 1:].reshape(height, width, channels).copy()).permute(2, 0, 1).contiguous()


def _file(width: int, height: int, channels: int, compressed: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", compressed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
