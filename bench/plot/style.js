'use strict';

/* Who is drawn how. Colours that also differ to the colour-blind, and a mark of its own for each. */

const { element } = require('./svg');

const STYLES = {
  pgkeel: { colour: '#0a7bd6', mark: 'circle' },
  pg: { colour: '#e08700', mark: 'square' },
  'postgres.js': { colour: '#0b9e73', mark: 'triangle' },
  'pg-pipeline': { colour: '#b98d00', mark: 'diamond' },
  'pg-native': { colour: '#c95fa0', mark: 'cross' },
  pgbench: { colour: '#8a8a8a', mark: 'square' },
};

const styleOf = (name) => STYLES[name] ?? STYLES.pgbench;

const SHAPES = {
  square: (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
  triangle: (r) => `M0 ${-1.3 * r}L${1.2 * r} ${r}H${-1.2 * r}Z`,
  diamond: (r) => `M0 ${-1.4 * r}L${1.4 * r} 0L0 ${1.4 * r}L${-1.4 * r} 0Z`,
};

function mark(name, x, y, r = 4) {
  const { colour, mark: shape } = styleOf(name);
  if (shape === 'circle') return element('circle', { cx: x, cy: y, r, fill: colour });
  const transform = `translate(${x.toFixed(2)} ${y.toFixed(2)})`;
  if (shape !== 'cross') return element('path', { d: SHAPES[shape](r), transform, fill: colour });
  const d = `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`;
  return element('path', { d, transform, stroke: colour, 'stroke-width': 2.5 });
}

module.exports = { mark, styleOf };
