// Groups of charts: their cards show the same part of the axis and share their cursor.

import { Card } from "./card.js";

/**
 * Cards that zoom together. `changed(from, to)` is called with the part to show; null stands for an open end.
 * `describe(name)` says how a curve is shown: `title`, `unit`, `note`, `format`, `ticks`, `line` (what its line is),
 * `raw` (what its points are, "" without points), `second` (what its second line is), `goal` (a value to mark).
 */
export class Group {
  constructor(box, { height, axis, changed, describe }) {
    this.box = box;
    this.height = height;
    this.axis = axis;
    this.changed = changed;
    this.describe = describe;
    this.cards = new Map();
    this.shown = [null, null];
    this.extent = [0, 0];
    this.scale = "linear"; // of the vertical axis
    this.logarithmic = false; // the horizontal axis
    this.events = [];
    this.overlays = new Map(); // name of the curve -> other runs' lines: { label, x, y, color }
    new ResizeObserver(() => this.cards.forEach((card) => card.resize())).observe(box);
  }

  /** Draw `curves`: name -> columns. New names get a card at the end. */
  draw(names, curves) {
    for (const name of names) {
      if (!curves[name]) continue;
      this.box.querySelector(".empty")?.remove();
      if (!this.cards.has(name)) this.cards.set(name, new Card(this, name));
      this.cards.get(name).draw(curves[name]);
    }
  }

  /** Build all charts again, after a change of the colors, of the vertical axis or of the compared runs. */
  rebuild() {
    this.cards.forEach((card) => card.rebuild());
  }

  /** Draw the marks for these events. */
  mark(events) {
    this.events = events;
    this.cards.forEach((card) => card.redraw());
  }

  zoom(from, to) {
    this.shown = [from, to];
    this.changed(from, to);
  }

  /** Change the horizontal axis; the next `draw` builds the charts again. */
  setAxis(axis, logarithmic) {
    this.axis = axis;
    this.logarithmic = logarithmic;
    this.extent = [0, 0];
    this.cards.forEach((card) => card.clear());
  }
}
