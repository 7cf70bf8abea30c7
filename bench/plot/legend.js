'use strict';

const { element, label, line } = require('./svg');
const { mark, styleOf } = require('./style');

const SWATCH = 24;
const GAP = 8;
const BETWEEN = 22;
const LETTER = 7.6; // Of 13 px, about; a little too much rather than too little.

const widthOf = (name) => SWATCH + GAP + name.length * LETTER + BETWEEN;

/** Names with their colours in one row around `centre`. @param {'bar' | 'line'} kind */
function legend(names, centre, y, kind) {
  let x = centre - (names.reduce((total, name) => total + widthOf(name), 0) - BETWEEN) / 2;
  return names.flatMap((name) => {
    const { colour } = styleOf(name);
    const swatch =
      kind === 'bar'
        ? [element('rect', { x: x + SWATCH - 14, y: y - 11, width: 14, height: 12, fill: colour })]
        : [line(x, y - 5, x + SWATCH, y - 5, { colour, width: 2 }), mark(name, x + SWATCH / 2, y - 5)];
    const parts = [...swatch, label(x + SWATCH + GAP, y, name, { anchor: 'start' })];
    x += widthOf(name);
    return parts;
  });
}

module.exports = { legend };
