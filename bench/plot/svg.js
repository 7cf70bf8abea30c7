'use strict';

/* SVG as text. Colours are legible on white and on near-black: a figure does not know on which it will be shown. */

const INK = '#767676';
const FAINT = '#76767655';
const FONT = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text) => String(text).replace(/[&<>"]/g, (char) => ESCAPES[char]);

const rounded = (value) => (typeof value === 'number' ? Number(value.toFixed(2)) : value);

/** @param {string} name @param {object} attributes undefined ones are left out @param {string[]} children */
function element(name, attributes, children = []) {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const text = given.map(([key, value]) => ` ${key}="${escape(rounded(value))}"`).join('');
  return children.length === 0 ? `<${name}${text}/>` : `<${name}${text}>${children.join('')}</${name}>`;
}

function label(x, y, content, { size = 13, anchor = 'middle', weight, turn } = {}) {
  const transform = turn === undefined ? undefined : `rotate(${turn} ${rounded(x)} ${rounded(y)})`;
  const attributes = { x, y, 'font-size': size, 'text-anchor': anchor, 'font-weight': weight, transform };
  return element('text', { ...attributes, fill: INK }, [escape(content)]);
}

function line(x1, y1, x2, y2, { colour = INK, width = 1, dashes } = {}) {
  return element('line', {
    x1,
    y1,
    x2,
    y2,
    stroke: colour,
    'stroke-width': width,
    'stroke-dasharray': dashes,
  });
}

/** @param {string} description what a reader hears who does not see the figure */
function svg(width, height, description, children) {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
  };
  const lines = [element('title', {}, [escape(description)]), ...children].map((child) => `\n  ${child}`);
  return `${element('svg', { ...attributes, role: 'img', 'font-family': FONT }, [...lines, '\n'])}\n`;
}

module.exports = { FAINT, INK, element, label, line, svg };
