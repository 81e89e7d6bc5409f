"""Every picture a person may send becomes pixels of one size; everything else is refused with the reason."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.models.vision import picture

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

RED = (255, 0, 0)


def saved(image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(side: int) -> Image.Image:
    """The same noise whenever it is asked for."""
    return Image.fromarray(np.random.default_rng(side).integers(0, 256, (side, side), np.uint8))


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few hundred bytes that says it is ``side`` x ``side`` pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_square_picture_fills_the_page(kind):
    pixels = picture.decode(saved(Image.new("RGB", (500, 500), RED), kind))
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - RED).max() <= 2


def test_a_picture_of_the_right_size_is_left_as_it_is():
    held = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    np.testing.assert_array_equal(picture.decode(saved(Image.fromarray(held))), held)


def test_an_oblong_picture_is_centred_on_white_and_not_stretched():
    pixels = picture.decode(saved(Image.new("RGB", (400, 200), RED)))
    assert (pixels[56:168] == RED).all()
    assert (pixels[:55] == 255).all()
    assert (pixels[169:] == 255).all()


def test_a_photo_is_turned_as_the_camera_was_held():
    two = Image.new("RGB", (200, 200), RED)
    two.paste((0, 0, 255), (0, 0, 200, 100))  # blue above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = picture.decode(saved(two, "JPEG", exif=exif, quality=95))
    assert pixels[10, 112, 0] > 200
    assert pixels[-10, 112, 2] > 200


def test_what_is_transparent_is_white():
    see_through = Image.new("RGBA", (224, 224), (255, 0, 0, 0))
    assert (picture.decode(saved(see_through)) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_a_png_is_read(mode):
    value = 255 if mode == "1" else 128
    grey = Image.new("L", (50, 40), value)
    if mode == "I;16":
        grey = Image.fromarray(np.full((40, 50), 128 * 257, np.uint16))
    elif mode != "L":
        grey = grey.convert(mode)
    middle = picture.decode(saved(grey))[112, 112]
    assert set(middle.tolist()) <= {value - 1, value, value + 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a JPEG or PNG file"),
        (b"hello", "a JPEG or PNG file"),
        (b"GIF89a" + b"\0" * 100, "a JPEG or PNG file"),
        (saved(Image.new("RGB", (64, 64), RED), "GIF"), "a JPEG or PNG file"),
        (saved(noise(300), "JPEG")[:-4_000], "can be decoded"),
        (saved(noise(300))[:2_000], "can be decoded"),
        (bomb(), "can be decoded|pixels"),
        (bomb(9_000), "at most 25,000,000 pixels"),
        (b"\xff\xd8\xff" + b"\0" * picture.LARGEST_BYTES, "at most 10,000,000 bytes"),
    ],
    ids=["nothing", "text", "a GIF header", "a GIF", "cut JPEG", "cut PNG", "bomb", "wide", "heavy"],
)
def test_what_is_no_picture_is_refused(content, said):
    with pytest.raises(DataError, match=said) as caught:
        picture.decode(content, thing="body")
    assert caught.value.thing == "body"
    assert "send a JPEG or PNG" in caught.value.fix


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_picture_is_pixels_or_a_refusal_and_nothing_else(data):
    """Any byte of a good file changed, and any end cut off."""
    kind = data.draw(st.sampled_from(["PNG", "JPEG"]))
    good = bytearray(saved(noise(40), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(good[: data.draw(st.integers(0, len(good)))])
    with contextlib.suppress(DataError):
        assert picture.decode(content).shape == (224, 224, 3)


def test_input_is_scaled_as_the_network_was_trained():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    given_ = picture.to_input(pixels)
    assert given_.shape == (2, 3, 224, 224)
    assert given_[1, 2, 10, 20] == (float(pixels[1, 10, 20, 2]) - 127) / 128


def test_a_thumbnail_is_a_small_jpeg_in_an_address():
    head, _, body = picture.thumbnail(saved(Image.new("RGB", (300, 300), RED)), 32).partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(body))).size == (32, 32)


def test_a_grey_array_as_a_png():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.png(grey)))), grey)
