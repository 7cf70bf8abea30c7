'use strict';

const literals = require('../support/literals');
const { cast, typeName } = require('../support/sql');

const types = Object.entries(literals).filter(([, values]) => values.length > 0);

function arraysOf(type, values) {
  const array = `array[${[...values, null].map((value) => cast(value, type)).join(', ')}]`;
  const list = `${typeName(type)}[]`;
  const first = cast(values[0], type);
  return [
    `${array}::${list} as filled`,
    `'{}'::${list} as none`,
    `'{NULL}'::${list} as only_null`,
    `null::${list} as nothing`,
    `array[array[${first}, null], array[${first}, ${first}]]::${list} as nested`,
  ].join(', ');
}

const every = types.flatMap(([type, values]) => [
  { ask: `${type}[]: values`, sql: `select ${arraysOf(type, values)}` },
  {
    ask: `${type}[]: values of a prepared statement, rows as arrays`,
    query: { text: `select $1::int as n, ${arraysOf(type, values)}`, values: [1], rowMode: 'array' },
  },
]);

const odd = [
  ['text[] with other bounds', "select '[2:3]={a,b}'::text[] as a, '[0:1][-1:0]={{1,2},{3,4}}'::int[] as b"],
  ['three dimensions', "select '{{{1,2},{3,4}},{{5,6},{7,8}}}'::int[] as a"],
  ['the word NULL as text', `select array['NULL', 'null', null, 'N'] as a, '{"NULL",NULL}'::varchar[] as b`],
  [
    'quotes, backslashes, braces, commas',
    String.raw`select array['"', '\', '{', '}', ',', ' ', E'\n', '\"'] as a`,
  ],
  ['empty texts and blanks', `select array['', ' ', '  a  '] as a`],
  ['non-ASCII texts', `select array['ä', '😀', '日本', E'e\\u0301'] as a`],
  ['an array of an array literal', `select array['{1,2}'::text, '{"a"}'] as a`],
  ['boxes, parted by semicolons', `select array[box '((1,2),(3,4))', null, box '((0,0),(1,1))'] as a`],
  ['int2vector and oidvector', `select '1 2 3'::int2vector as a, '4 5'::oidvector as b, ''::oidvector as c`],
  ['record[]', `select array[row(1, 'a'), row(2, null)] as a`],
  ['enum[]', `select array['sad', null, '😀']::differential.mood[] as a`],
  ['composite[]', `select array[row(1, 'a b')::differential.pair, null] as a`],
  ['domain[]', `select array[1, 2]::differential.positive[] as a`],
  ['cstring[]', `select '{a,b}'::cstring[] as a`],
  ['a table row array', `select array_agg(p order by id) as a from differential.parent p`],
  ['many elements', `select array_agg(n) as a, array_agg(n::text) as b from generate_series(1, 5000) n`],
  ['array_agg of nothing', `select array_agg(n) as a from generate_series(1, 0) n`],
  ['jsonb[] with texts that look like JSON', `select array['"a"', '"[1]"', '"{}"']::jsonb[] as a`],
  ['timestamps before 1900', `select array['1883-11-18 12:00', '0044-03-15 BC']::timestamp[] as a`],
];

module.exports = [...every, ...odd.map(([ask, sql]) => ({ ask, sql }))];
