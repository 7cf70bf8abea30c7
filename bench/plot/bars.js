'use strict';

/* Groups of bars: a group for each case, a bar for each contestant, and a line at 1, which is pg. */

const { legend } = require('./legend');
const { linear, linearTicks } = require('./scale');
const { styleOf } = require('./style');
const { FAINT, element, label, line, svg } = require('./svg');

const WIDTH = 1060;
const HEIGHT = 440;
const BOX = { left: 70, right: WIDTH - 56, top: 78, bottom: HEIGHT - 76 };
const BOLD = { weight: 'bold' };
const GROUP_SHARE = 0.82;

function valueAxis(ticks, place, unit) {
  const middle = (BOX.top + BOX.bottom) / 2;
  return [
    ...ticks.flatMap((tick) => [
      line(BOX.left, place(tick), BOX.right, place(tick), { colour: FAINT }),
      label(BOX.left - 8, place(tick) + 4, Number(tick.toFixed(3)), { anchor: 'end' }),
    ]),
    label(20, middle, unit, { turn: -90 }),
  ];
}

function group({ name, values }, names, start, width, place) {
  const bar = width / names.length;
  return names.flatMap((each, index) => {
    const value = values[each];
    if (!Number.isFinite(value)) return [];
    const x = start + index * bar;
    const y = place(value);
    const box = { x: x + 0.5, y, width: bar - 1, height: BOX.bottom - y, fill: styleOf(each).colour };
    return [element('rect', box, [element('title', {}, [`${each}, ${name}: ${value.toFixed(2)}`])])];
  });
}

/** The name of a group and, below it, the value of the contestant that matters most. */
function groupLabels({ name, values }, first, centre) {
  const value = values[first];
  const written = Number.isFinite(value) ? [label(centre, BOX.bottom + 38, value.toFixed(2), BOLD)] : [];
  return [label(centre, BOX.bottom + 20, name), ...written];
}

/**
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.unit of the values
 * @param {string[]} chart.names the contestants; the first one's values are also written out
 * @param {{ name: string, values: Record<string, number> }[]} chart.groups
 */
function bars({ title, unit, names, groups }) {
  const all = groups.flatMap(({ values }) => names.map((name) => values[name])).filter(Number.isFinite);
  const ticks = linearTicks(Math.max(1, ...all));
  const place = linear([0, ticks.at(-1)], [BOX.bottom, BOX.top]);
  const room = (BOX.right - BOX.left) / groups.length;
  const drawn = groups.flatMap((each, index) => {
    const start = BOX.left + index * room + (room * (1 - GROUP_SHARE)) / 2;
    return [
      ...group(each, names, start, room * GROUP_SHARE, place),
      ...groupLabels(each, names[0], BOX.left + (index + 0.5) * room),
    ];
  });
  return svg(WIDTH, HEIGHT, `${title} (${unit})`, [
    label(WIDTH / 2, 26, title, { size: 17, weight: 'bold' }),
    ...legend(names, WIDTH / 2, 56, 'bar'),
    ...valueAxis(ticks, place, unit),
    ...drawn,
    line(BOX.left, place(1), BOX.right, place(1), { width: 2, dashes: '6 4' }),
    label(BOX.right + 8, place(1) + 4, 'pg = 1', { anchor: 'start' }),
    line(BOX.left, BOX.bottom, BOX.right, BOX.bottom),
    label((BOX.left + BOX.right) / 2, HEIGHT - 12, `workload@callers; below: ${names[0]}`),
  ]);
}

module.exports = { bars };
