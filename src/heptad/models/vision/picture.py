"""A picture's bytes into pixels of one size, safely: what is broken, strange or huge is refused with the reason."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

SIDE: Final = 224
LARGEST_BYTES: Final = 10_000_000
LARGEST_PIXELS: Final = 25_000_000
_FORMATS: Final = ("JPEG", "PNG")
_MEND: Final = (
    f"send a JPEG or PNG of at most {LARGEST_BYTES // 10**6} MB and {LARGEST_PIXELS // 10**6} million pixels"
)


def decode(content: bytes, *, thing: str = "picture") -> Pixels:
    """The picture as red, green and blue, uint8 (SIDE, SIDE, 3); `DataError` where it cannot be one.

    It is turned as its EXIF orientation says, laid on white where it is transparent, scaled until its longer side
    is SIDE (triangle filter over all pixels covered) and centred on white. The size is read before any pixel: a
    small file that would unfold to a huge picture is refused unread.
    """
    if len(content) > LARGEST_BYTES:
        raise DataError(thing, f"at most {LARGEST_BYTES:,} bytes", f"{len(content):,} bytes", _MEND)
    with _opened(content, thing) as image:
        width, height = image.size
        if width * height > LARGEST_PIXELS:
            got = f"{width:,} x {height:,} pixels"
            raise DataError(thing, f"at most {LARGEST_PIXELS:,} pixels", got, _MEND)
        try:
            image.draft(
                "RGB", (2 * SIDE, 2 * SIDE)
            )  # a JPEG is decoded at a fraction of its size where that is enough
            return _fitted(_on_white(_turned(image)))
        except (
            Exception
        ) as error:  # a decoder raises what it stumbles over: OSError, SyntaxError, struct.error, ...
            raise _broken(thing, error) from error


def to_input(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, SIDE, SIDE, 3) of 0 to 255 as the network takes them: (n, 3, SIDE, SIDE), (x - 127) / 128."""
    scaled = (pictures.astype(np.float32) - np.float32(127)) / np.float32(128)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def thumbnail(content: bytes, side: int = 72) -> str:
    """A small JPEG of the picture as a ``data:`` address, for a page that holds all it shows."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(decode(content)).resize((side, side)).save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def png(grey: NDArray[np.uint8]) -> bytes:
    """A grey picture (height, width) of 0 to 255 as the bytes of a PNG file."""
    image = _image()
    out = io.BytesIO()
    image.fromarray(grey).save(out, "PNG")
    return out.getvalue()


def _opened(content: bytes, thing: str) -> Image:
    image = _image()
    try:
        opened: Image = image.open(io.BytesIO(content), formats=_FORMATS)
    except image.UnidentifiedImageError as error:
        raise DataError(
            thing, "a JPEG or PNG file", f"{len(content):,} bytes of something else", _MEND
        ) from error
    except Exception as error:  # a bomb by Pillow's own limit, or a header that breaks the decoder
        raise _broken(thing, error) from error
    return opened


def _broken(thing: str, error: Exception) -> DataError:
    return DataError(
        thing, "a JPEG or PNG file that can be decoded", f"{type(error).__name__}: {error}", _MEND
    )


def _turned(image: Image) -> Image:
    from PIL import ImageOps

    turned: Image = ImageOps.exif_transpose(image)
    return turned


def _on_white(image: Image) -> Image:
    below: Image
    if image.mode.startswith("I"):  # 16 bits a pixel, which convert() would clip and not scale
        grey = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        below = _image().fromarray(grey)
    elif image.has_transparency_data:
        over = image.convert("RGBA")
        below = _image().alpha_composite(_image().new("RGBA", over.size, "white"), over)
    else:
        below = image
    return below.convert("RGB")


def _fitted(image: Image) -> Pixels:
    scale = SIDE / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), _image().Resampling.BILINEAR)
    page = np.full((SIDE, SIDE, 3), 255, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    page[top : top + height, left : left + width] = np.asarray(image)
    return page


def _image() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra.of("reading pictures", "PIL", "vision") from error
    return Image
