'use strict';

/* Curves, in panels side by side that share their legend. */

const { legend } = require('./legend');
const { linear, linearTicks, logTicks, logarithmic, short } = require('./scale');
const { mark, styleOf } = require('./style');
const { FAINT, element, label, line, svg } = require('./svg');

const PANEL = { width: 520, height: 400 };
const INSIDE = { left: 74, right: PANEL.width - 20, top: 92, bottom: PANEL.height - 56 };
const ROOM_ABOVE = 1.04;

const SCALES = {
  log: {
    ticks: (values) => logTicks(Math.min(...values), Math.max(...values)),
    place: logarithmic,
  },
  linear: { ticks: (values) => linearTicks(Math.max(...values) * ROOM_ABOVE), place: linear },
};

/** `tight`: the axis ends at the last value instead of the next tick. */
function axis(kind, values, range, tight) {
  const ticks = SCALES[kind].ticks(values);
  const ends = tight ? [Math.min(ticks[0], ...values), Math.max(...values)] : [ticks[0], ticks.at(-1)];
  const place = SCALES[kind].place(ends, range);
  return { ticks: ticks.filter((tick) => tick <= ends[1]), place };
}

function grid(x, y, { left, right, top, bottom }, panel) {
  const [centre, middle] = [(left + right) / 2, (top + bottom) / 2];
  return [
    ...x.ticks.flatMap((tick) => [
      line(x.place(tick), top, x.place(tick), bottom, { colour: FAINT }),
      label(x.place(tick), bottom + 20, short(tick)),
    ]),
    ...y.ticks.flatMap((tick) => [
      line(left, y.place(tick), right, y.place(tick), { colour: FAINT }),
      label(left - 8, y.place(tick) + 4, short(tick), { anchor: 'end' }),
    ]),
    line(left, bottom, right, bottom),
    line(left, top, left, bottom),
    label(centre, bottom + 44, panel.x),
    label(left - 56, middle, panel.y, { turn: -90 }),
    label(centre, top - 12, panel.title, { size: 14, weight: 'bold' }),
  ];
}

function curve({ name, points }, x, y, withMarks) {
  const places = points.map(([from, to]) => [x.place(from), y.place(to)]);
  const d = places.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${px.toFixed(2)} ${py.toFixed(2)}`);
  const stroke = {
    fill: 'none',
    stroke: styleOf(name).colour,
    'stroke-width': 2,
    'stroke-linejoin': 'round',
  };
  const marks = withMarks ? places.map(([px, py]) => mark(name, px, py)) : [];
  return [element('path', { d: d.join(''), ...stroke }), ...marks];
}

function draw(panel, offset) {
  const box = { ...INSIDE, left: INSIDE.left + offset, right: INSIDE.right + offset };
  const points = panel.curves.flatMap((each) => each.points);
  const scale = panel.scale ?? 'log';
  const xs = points.map(([x]) => x);
  const x = axis(scale, xs, [box.left, box.right], true);
  const y = axis(
    scale,
    points.map(([, value]) => value),
    [box.bottom, box.top],
  );
  const curves = panel.curves.flatMap((each) => curve(each, x, y, panel.marks ?? true));
  return [...grid(x, y, box, panel), ...curves];
}

/**
 * @param {string} title
 * @param {{ title: string, x: string, y: string, scale?: 'log' | 'linear', marks?: boolean,
 *   curves: { name: string, points: [number, number][] }[] }[]} panels
 */
function lines(title, panels) {
  const width = PANEL.width * panels.length;
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  return svg(width, PANEL.height, title, [
    label(width / 2, 24, title, { size: 17, weight: 'bold' }),
    ...legend(names, width / 2, 52, 'line'),
    ...panels.flatMap((panel, index) => draw(panel, index * PANEL.width)),
  ]);
}

module.exports = { lines };
