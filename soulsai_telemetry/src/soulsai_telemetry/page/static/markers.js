// Marks in the charts for what happened: starts, resumes, changed settings, checkpoints, best models, silences and the end.

export const KINDS = {
  best: { sign: "▲", text: "best model saved", color: "good" },
  checkpoint: { sign: "╷", text: "checkpoint", color: "muted" },
  save: { sign: "╷", text: "saved on command", color: "accent" },
  change: { sign: "◆", text: "setting changed", color: "second" },
  resume: { sign: "┊", text: "resumed", color: "text" },
  silent: { sign: "┊", text: "node silent", color: "bad" },
  back: { sign: "┊", text: "node reports again", color: "good" },
  end: { sign: "┊", text: "end", color: "text" },
};

// Pixels between two marks of one kind.
const CLOSE = 10;
const POSITIONS = { episode: "episode", step: "step", time: "time" };

/** Draw the marks of `events` on the axis, with these colors by name. */
export function drawMarks(plot, events, axis, colors) {
  const { ctx, bbox } = plot;
  const { left, top, width, height } = bbox;
  const ratio = devicePixelRatio;
  ctx.save();
  const drawn = {}; // kind -> where its last mark was drawn
  for (const event of events.toReversed()) {
    const kind = KINDS[event.kind];
    const x = plot.valToPos(event[POSITIONS[axis]], "x", true);
    if (!kind || !(x >= left && x <= left + width)) continue;
    // Of marks that would cover each other the newest is drawn.
    if (drawn[event.kind] - x < CLOSE * ratio) continue;
    drawn[event.kind] = x;
    ctx.strokeStyle = ctx.fillStyle = colors[kind.color];
    ctx.lineWidth = ratio;
    ctx.beginPath();
    if (kind.sign === "▲") {
      ctx.moveTo(x - 4 * ratio, top + 8 * ratio);
      ctx.lineTo(x + 4 * ratio, top + 8 * ratio);
      ctx.lineTo(x, top + ratio);
      ctx.fill();
    } else if (kind.sign === "◆") {
      ctx.moveTo(x, top);
      ctx.lineTo(x + 4 * ratio, top + 5 * ratio);
      ctx.lineTo(x, top + 10 * ratio);
      ctx.lineTo(x - 4 * ratio, top + 5 * ratio);
      ctx.fill();
    } else if (kind.sign === "╷") {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x, top + height - 7 * ratio);
      ctx.stroke();
    } else {
      ctx.setLineDash([2 * ratio, 3 * ratio]);
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }
  ctx.restore();
}

/** A horizontal line at the goal. */
export function drawGoal(plot, value, color) {
  if (value == null) return;
  const { ctx, bbox } = plot;
  const y = plot.valToPos(value, "y", true);
  if (!(y >= bbox.top && y <= bbox.top + bbox.height)) return;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([8 * devicePixelRatio, 5 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
