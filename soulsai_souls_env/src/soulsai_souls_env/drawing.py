"""Pictures of a fight in the simulated game, seen from above."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, degrees, pi, sin
from typing import TYPE_CHECKING, NamedTuple

from soulsai_core import SoulsAIError
from soulsai_souls_env.simulated_game.bosses import BOSSES
from soulsai_souls_env.simulated_game.floor import Disc, Floor, Rectangle
from soulsai_souls_env.snapshots import Snapshot

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from soulsai_souls_env.simulated_game.attacks import Attack

# Pixels, and pixels in a meter of the arena.
_WIDTH = 340
_HEIGHT = 420
_SCALE = 13.0
_BAR_MARGIN = 10
_BAR_HEIGHT = 8
_LINE_HEIGHT = 13

_BACKGROUND = (24, 24, 28)
_FLOOR = (52, 50, 48)
_LINE = (90, 88, 84)
_TEXT = (220, 220, 220)
_PLAYER = (90, 170, 250)
_BOSS = (220, 120, 60)
_WIND_UP = (120, 70, 50)
_HIT = (235, 50, 50)

_NAMES = {"iudex": "Iudex Gundyr", "vordt": "Vordt"}

_LEGEND = ((_PLAYER, "player"), (_BOSS, "boss"), (_WIND_UP, "attack begins"), (_HIT, "attack hits"))
"""What the colors mean."""

Color = tuple[int, int, int]
Pose = tuple[float, float, float]


def draw(snapshot: Snapshot, boss: str = "iudex", *, seconds: float = 0.0, won: bool | None = None) -> Image:
    """One picture: the arena, both characters with their headings, the area of the boss' attack, both names with their
    health, the time of the fight, and what the colors mean.

    Args:
        boss: soulsgym's short name.
        seconds: of the fight so far.
        won: how the fight has ended, which stands in the middle; None while it goes on.

    Raises SoulsAIError if Pillow is missing.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise SoulsAIError("Drawing needs Pillow: pip install soulsai-souls-env[draw]") from error

    image = Image.new("RGB", (_WIDTH, _HEIGHT), _BACKGROUND)
    pen = ImageDraw.Draw(image)
    view = _View((snapshot.player[0] + snapshot.boss[0]) / 2, (snapshot.player[1] + snapshot.boss[1]) / 2)
    _draw_floor(pen, view, BOSSES[boss].floor)
    _draw_attack(pen, view, snapshot, BOSSES[boss].attacks)
    _draw_character(pen, view, snapshot.boss, 1.0, _BOSS)
    _draw_character(pen, view, snapshot.player, 0.5, _PLAYER)
    pen.rectangle((0, 0, _WIDTH, 46), fill=_BACKGROUND)
    pen.rectangle((0, _HEIGHT - 62, _WIDTH, _HEIGHT), fill=_BACKGROUND)
    _draw_health(pen, 8, ("Player", snapshot.player_animation), snapshot.player_hp, _PLAYER)
    _draw_health(pen, _HEIGHT - 56, (_NAMES[boss], snapshot.boss_animation), snapshot.boss_hp, _BOSS)
    _draw_text_right(pen, 8 + _BAR_HEIGHT + 3 + _LINE_HEIGHT, f"{seconds:.1f} s")
    _draw_legend(pen, _HEIGHT - 16)
    if won is not None:
        _draw_outcome(pen, won, snapshot.boss_hp)
    return image


class _View(NamedTuple):
    """The position in the arena that lies in the middle of the image."""

    x: float
    y: float

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        return _WIDTH / 2 + (x - self.x) * _SCALE, _HEIGHT / 2 - (y - self.y) * _SCALE


def _draw_floor(pen: ImageDraw, view: _View, floor: Floor) -> None:
    if isinstance(floor, Disc):
        _draw_disc(pen, *view.to_pixels(*floor.center), floor.radius * _SCALE, _FLOOR, _LINE)
    elif isinstance(floor, Rectangle):
        left, bottom = view.to_pixels(*floor.low)
        right, top = view.to_pixels(*floor.high)
        pen.rectangle((left, top, right, bottom), fill=_FLOOR, outline=_LINE)


def _draw_disc(pen: ImageDraw, x: float, y: float, radius: float, fill: Color, outline: Color | None = None) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=outline)


def _draw_attack(pen: ImageDraw, view: _View, snapshot: Snapshot, attacks: Mapping[str, Attack]) -> None:
    """The sector that the attack's current or next hit covers."""
    attack = attacks.get(snapshot.boss_animation)
    hit = next((hit for hit in attack.hits if snapshot.boss_elapsed <= hit.end), None) if attack else None
    if hit is None:
        return
    x, y = view.to_pixels(*snapshot.boss[:2])
    radius = hit.reach * _SCALE
    # Pillow's angles run clockwise from three o'clock; a heading of 0 looks along -y, down in the image.
    middle = degrees(snapshot.boss[2]) + 90
    half = degrees(min(hit.arc, pi))
    color = _HIT if snapshot.boss_elapsed >= hit.start else _WIND_UP
    pen.pieslice((x - radius, y - radius, x + radius, y + radius), middle - half, middle + half, fill=color)


def _draw_character(pen: ImageDraw, view: _View, pose: Pose, radius_m: float, color: Color) -> None:
    x, y = view.to_pixels(*pose[:2])
    radius = radius_m * _SCALE
    _draw_disc(pen, x, y, radius, color)
    pen.line((x, y, x - 2 * radius * sin(pose[2]), y + 2 * radius * cos(pose[2])), fill=_TEXT, width=2)


def _draw_health(pen: ImageDraw, top: int, texts: tuple[str, str], share: float, color: Color) -> None:
    """A bar with the health in percent, and below it a name and what it does."""
    left = _BAR_MARGIN
    right = _WIDTH - _BAR_MARGIN
    bottom = top + _BAR_HEIGHT
    name, animation = texts
    pen.rectangle((left, top, right, bottom), outline=_LINE)
    pen.rectangle((left, top, left + (right - left) * share, bottom), fill=color)
    pen.text((left, bottom + 3), f"{name}: {animation}", fill=_TEXT)
    _draw_text_right(pen, bottom + 3, f"{share:.0%}")


def _draw_text_right(pen: ImageDraw, top: int, text: str) -> None:
    pen.text((_WIDTH - _BAR_MARGIN - pen.textlength(text), top), text, fill=_TEXT)


def _draw_legend(pen: ImageDraw, top: int) -> None:
    left: float = _BAR_MARGIN
    for color, text in _LEGEND:
        pen.rectangle((left, top + 2, left + 8, top + 10), fill=color)
        pen.text((left + 12, top), text, fill=_TEXT)
        left += 12 + pen.textlength(text) + 14


def _draw_outcome(pen: ImageDraw, won: bool, boss_hp: float) -> None:
    """Write over the middle of the picture how the fight has ended."""
    lines = [("Won", 20)] if won else [("Lost", 20), (f"{boss_hp:.0%} of the boss' health left", 12)]
    middle = _HEIGHT // 2
    pen.rectangle((0, middle - 26, _WIDTH, middle + 26), fill=_BACKGROUND, outline=_LINE)
    for line, (text, size) in enumerate(lines):
        left = (_WIDTH - pen.textlength(text, font_size=size)) / 2
        pen.text((left, middle - 22 + 26 * line), text, fill=_TEXT, font_size=size)
