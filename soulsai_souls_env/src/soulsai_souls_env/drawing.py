"""A fight as an animated GIF, seen from above."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, degrees, pi, sin
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from soulsai_core import SoulsAIError
from soulsai_souls_env.fight import Moment
from soulsai_souls_env.simulated_game.attacks import ATTACKS
from soulsai_souls_env.simulated_game.body import ARENA_CENTER, ARENA_RADIUS

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_WIDTH = 320
_HEIGHT = 372
_SCALE = 13.0
_BACK = (24, 24, 28)
_FLOOR = (52, 50, 48)
_LINE = (90, 88, 84)
_TEXT = (220, 220, 220)
_PLAYER = (90, 170, 250)
_BOSS = (220, 120, 60)
_THREAT = (120, 70, 50)
_HIT = (235, 50, 50)
_FRAME_MS = 100

Colour = tuple[int, int, int]
Pose = tuple[float, float, float]


def save_gif(moments: Sequence[Moment], path: Path) -> None:
    """A frame for each step, in the fight's own time. Raises SoulsAIError if Pillow is missing or nothing was seen."""
    if not moments:
        raise SoulsAIError("There is nothing to draw: the fight had no steps.")
    try:
        from PIL import Image
    except ImportError as error:
        raise SoulsAIError("Drawing needs Pillow: pip install soulsai-souls-env[draw]") from error
    frames = [draw(moment).convert("P", palette=Image.Palette.ADAPTIVE, colors=16) for moment in moments]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=_FRAME_MS, loop=0, optimize=False)


def draw(moment: Moment) -> Image:
    """One frame: the arena, both sides with their headings, what the boss' attack covers, and both healths."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_WIDTH, _HEIGHT), _BACK)
    pen = ImageDraw.Draw(image)
    view = _View((moment.player[0] + moment.boss[0]) / 2, (moment.player[1] + moment.boss[1]) / 2)
    _disc(pen, *view.on_picture(*ARENA_CENTER), ARENA_RADIUS * _SCALE, _FLOOR, _LINE)
    _threat(pen, view, moment)
    _body(pen, view, moment.boss, 1.0, _BOSS)
    _body(pen, view, moment.player, 0.5, _PLAYER)
    _bar(pen, 8, moment.player_hp, _PLAYER, moment.player_animation)
    _bar(pen, _HEIGHT - 30, moment.boss_hp, _BOSS, moment.boss_animation)
    return image


class _View(NamedTuple):
    """What lies in the middle of the picture."""

    x: float
    y: float

    def on_picture(self, x: float, y: float) -> tuple[float, float]:
        return _WIDTH / 2 + (x - self.x) * _SCALE, _HEIGHT / 2 - (y - self.y) * _SCALE


def _disc(pen: ImageDraw, x: float, y: float, radius: float, fill: object, outline: object = None) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=outline)  # type: ignore[arg-type]


def _threat(pen: ImageDraw, view: _View, moment: Moment) -> None:
    """The sector that the attack's next or present hit covers."""
    attack = ATTACKS.get(moment.boss_animation)
    hit = next((hit for hit in attack.hits if moment.boss_since <= hit.end), None) if attack else None
    if hit is None:
        return
    x, y = view.on_picture(*moment.boss[:2])
    radius = hit.reach * _SCALE
    middle = degrees(moment.boss[2]) + 90
    half = degrees(min(hit.arc, pi))
    colour = _HIT if moment.boss_since >= hit.start else _THREAT
    pen.pieslice((x - radius, y - radius, x + radius, y + radius), middle - half, middle + half, fill=colour)


def _body(pen: ImageDraw, view: _View, pose: Pose, metres: float, colour: Colour) -> None:
    x, y = view.on_picture(*pose[:2])
    radius = metres * _SCALE
    _disc(pen, x, y, radius, colour)
    pen.line((x, y, x - 2 * radius * sin(pose[2]), y + 2 * radius * cos(pose[2])), fill=_TEXT, width=2)


def _bar(pen: ImageDraw, top: int, share: float, colour: Colour, text: str) -> None:
    pen.rectangle((10, top, _WIDTH - 10, top + 6), outline=_LINE)
    pen.rectangle((10, top, 10 + (_WIDTH - 20) * share, top + 6), fill=colour)
    pen.text((10, top + 9), text, fill=_TEXT)
