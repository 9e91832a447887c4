"""Draws the packages and their rooms as `docs/images/rooms.svg`, from the import contracts in `pyproject.toml`.

Run it after a contract has changed: `python docs/rooms.py`. A test compares the committed drawing with the contracts.
"""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
DRAWING = ROOT / "docs" / "images" / "rooms.svg"
PACKAGES = {
    "croupier": ROOT / "engine" / "croupier",
    "croupier_policies": ROOT / "policies" / "croupier_policies",
    "croupier_storage": ROOT / "storage" / "croupier_storage",
}
WIDTH, MARGIN, GAP, LINE, ROOM = 1100, 16, 8, 15, 11.5  # pixels; ROOM is the size of the text
STYLE = """
text { font-family: system-ui, sans-serif; font-size: 11.5px; fill: #1f2933 }
.package { fill: #f5f7fa; stroke: #9aa5b1 }
.room { fill: #ffffff; stroke: #52606d }
.title { font-size: 15px; font-weight: 600 }
.name { font-weight: 600 }
""".strip()


def layers(package: str) -> list[list[str]]:
    """The layers of a package, the highest first, each with its rooms."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (found,) = (each["layers"] for each in contracts if each.get("containers") == [package])
    return [layer.split(" | ") for layer in found]


def purpose(package: str, room: str) -> str:
    """The first sentence of a room's docstring."""
    folder = PACKAGES[package] / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    sentence = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    return " ".join(sentence.replace("`", "").split()).split(". ")[0].rstrip(".")


def wrap(text: str, width: float) -> list[str]:
    """The text in lines of at most so many pixels, estimated from the mean width of a letter."""
    most, lines = int(width / (ROOM * 0.56)), [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def drawn_package(package: str, x: float, y: float, width: float) -> tuple[list[str], float]:
    """A package as a panel of layers; returns its elements and its height."""
    drawn, top = [f'<text class="title" x="{x + GAP:g}" y="{y + 20:g}">{package}</text>'], y + 32
    for layer in layers(package):
        each = (width - GAP * (len(layer) + 1)) / len(layer)
        texts = [wrap(purpose(package, room), each - 2 * GAP) for room in layer]
        height = LINE * (1 + max(map(len, texts))) + 10
        for k, (room, lines) in enumerate(zip(layer, texts, strict=True)):
            left = x + GAP + k * (each + GAP)
            drawn.append(f'<rect class="room" x="{left:g}" y="{top:g}" width="{each:g}" height="{height:g}" rx="4"/>')
            drawn.append(f'<text class="name" x="{left + GAP:g}" y="{top + LINE:g}">{escape(room)}</text>')
            for n, line in enumerate(lines, 2):
                drawn.append(f'<text x="{left + GAP:g}" y="{top + n * LINE:g}">{escape(line)}</text>')
        top += height + GAP
    panel = f'<rect class="package" x="{x:g}" y="{y:g}" width="{width:g}" height="{top - y:g}" rx="6"/>'
    return [panel, *drawn], top - y


def drawing() -> str:
    """The picture: the engine above, and below it the two packages that it uses."""
    above, height = drawn_package("croupier", MARGIN, MARGIN, WIDTH - 2 * MARGIN)
    half, top = (WIDTH - 3 * MARGIN) / 2, 2 * MARGIN + height
    left, left_height = drawn_package("croupier_policies", MARGIN, top, half)
    right, right_height = drawn_package("croupier_storage", 2 * MARGIN + half, top, half)
    total = top + max(left_height, right_height) + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:g}" role="img">'
    title = "<title>The rooms of the packages, by layer: a room imports only from rooms below it</title>"
    background = f'<rect width="{WIDTH}" height="{total:g}" fill="#ffffff"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", background, *above, *left, *right, "</svg>", ""])


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
