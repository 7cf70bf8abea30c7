'use strict';

// What the package exports, and what of it needs no server.

const awkward = [
  'plain',
  'with "quotes"',
  "with 'quotes'",
  'back\\slash',
  '',
  'ä😀',
  'a\nb',
  'select',
  '$1',
  'a;b',
  '""',
  "\\'",
];
const noTexts = [undefined, null, 1, true, {}, [], Symbol.iterator];

const question = (ask, run) => ({ ask, run });

const escapes = ['escapeIdentifier', 'escapeLiteral'].flatMap((name) => [
  question(`${name} of texts`, (t) =>
    awkward.map((text) => [t.pg[name](text), t.client()[name](text), t.pg.Client.prototype[name](text)]),
  ),
  question(`${name} of what is no text`, (t) =>
    Promise.all(
      noTexts.map(async (value) => {
        const answer = await t.outcome(() => t.pg[name](value));
        return answer.threw ? answer.threw.constructor.name : answer;
      }),
    ),
  ),
]);

const described = (value) => (typeof value === 'function' ? `${typeof value} ${value.name}` : typeof value);

const surface = [
  question('enumerable exports of pg are there', (t) => {
    const expected = Object.keys(require('pg')).filter((name) => name !== '_pools');
    return expected.map((name) => [name, described(t.pg[name]).replace(/ (Bound|Keel)?Pool$/, ' Pool')]);
  }),
  question('native is not enumerable', (t) => [Object.keys(t.pg).includes('native'), 'native' in t.pg]),
  question('defaults', (t) => Object.keys(t.pg.defaults).map((name) => [name, t.pg.defaults[name]])),
  question('a default that is changed', (t) => {
    const { defaults } = t.pg;
    const before = { port: defaults.port, user: defaults.user };
    Object.assign(defaults, { port: 6543, user: 'changed' });
    try {
      const { port, user } = new t.pg.Client({ host: 'h' });
      return { port, user };
    } finally {
      Object.assign(defaults, before);
    }
  }),
  question('types', (t) => {
    const { types } = t.pg;
    const parsed = [
      types.getTypeParser(23)('7'),
      types.getTypeParser(23, 'text')('8'),
      types.getTypeParser(99999)('9'),
    ];
    return {
      keys: Object.keys(types),
      parsed,
      builtins: types.builtins,
      binary: types.getTypeParser(99999, 'binary')(Buffer.from('x')),
    };
  }),
  question('types of an unknown format', (t) => t.outcome(() => t.pg.types.getTypeParser(23, 'hex')('1'))),
  question('arrayParser', (t) =>
    t.pg.types.arrayParser.create('{1,NULL,"a b"}', (entry) => `<${entry}>`).parse(),
  ),
  question('TypeOverrides', (t) => {
    const overrides = new t.pg.TypeOverrides();
    overrides.setTypeParser(23, () => 'mine');
    return [
      overrides.getTypeParser(23)('1'),
      overrides.getTypeParser(23, 'binary')(Buffer.from([0, 0, 0, 5])),
      overrides.getTypeParser(16)('t'),
    ];
  }),
  question('TypeOverrides of an unknown format', (t) => {
    const overrides = new t.pg.TypeOverrides();
    return t.outcome(() => [
      overrides.setTypeParser(23, 'hex', () => 1),
      overrides.getTypeParser(23, 'hex')('1'),
    ]);
  }),
  question('Result', (t) => {
    const result = new t.pg.Result('array', t.pg.types);
    result.addRow([1]);
    return [result, new t.pg.Result().rowAsArray];
  }),
  question('Query without arguments', async (t) => {
    const { threw } = await t.outcome(() => new t.pg.Query());
    return threw instanceof TypeError;
  }),
  question('Client without new', (t) => t.outcome(() => t.pg.Client({}))),
];

const values = [
  null,
  undefined,
  'a',
  1,
  true,
  1n,
  NaN,
  -0,
  [],
  [1, null, ['x']],
  { a: 1 },
  Buffer.from('b'),
  new Uint8Array([1]),
];
const utils = [
  question('utils.prepareValue', (t) => values.map((value) => t.pg.utils.prepareValue(value))),
  question('utils.prepareValue ignores more arguments', (t) =>
    [{ toPostgres: () => 'x' }].map(t.pg.utils.prepareValue),
  ),
  question('utils.normalizeQueryConfig', (t) => {
    const normalize = t.pg.utils.normalizeQueryConfig;
    const callback = () => {};
    const given = { text: 'a', values: [1] };
    return [
      normalize('a'),
      normalize('a', [1]),
      normalize('a', callback),
      normalize(given, [2], callback),
      given,
      normalize(given) === given,
    ];
  }),
];

const configurations = [
  ['nothing', undefined],
  ['an empty object', {}],
  ['a URL', 'postgres://u:p%40ss@h:5433/d%20b?application_name=x&statement_timeout=5'],
  ['a URL without a database', 'postgres://u@h'],
  ['a URL with postgresql:', 'postgresql://h/d'],
  ['a socket as a URL', 'socket:/var/run?db=d&encoding=latin1'],
  ['a socket folder', '/var/run/postgresql d'],
  ['a host that is a folder', { host: '/tmp', port: 1 }],
  ['a URL with a host in its query', 'postgres://u@/d?host=/tmp&port=99'],
  ['a URL with an IPv6 address', 'postgres://u@[::1]:7/d'],
  ['a port as text', { port: '5434' }],
  ['a connection string and options', { connectionString: 'postgres://u@h:7/d', user: 'other', port: 1 }],
  ['an empty connection string', { connectionString: '', user: 'u' }],
  [
    'timeouts',
    { connectionTimeoutMillis: 2500, keepAlive: true, keepAliveInitialDelayMillis: 3000, query_timeout: 9 },
  ],
  ['keepAlive false', { keepAlive: false }],
  ['ssl false', { ssl: false }],
  ['ssl true', { ssl: true }],
  ["ssl 'true'", { ssl: 'true' }],
  ["ssl 'no-verify'", { ssl: 'no-verify' }],
  ['an ssl object', { ssl: { rejectUnauthorized: false } }],
  ['sslmode=disable in the URL', 'postgres://u@h/d?sslmode=disable'],
  ['sslmode=verify-full in the URL', 'postgres://u@h/d?sslmode=verify-full'],
  ['sslmode=no-verify in the URL', 'postgres://u@h/d?sslmode=no-verify'],
  ['ssl=true in the URL', 'postgres://u@h/d?ssl=true'],
  ['ssl=0 in the URL', 'postgres://u@h/d?ssl=0'],
].map(([ask, config]) =>
  question(`connection parameters of ${ask}`, (t) => {
    const client = new t.pg.Client(config);
    const { connectionParameters: p } = client;
    const left = ['replication', 'sslnegotiation'];
    const names = Object.keys(p).filter((name) => !left.includes(name));
    return {
      shown: [client.user, client.host, client.port, client.database, client.ssl],
      password: p.password,
      all: names.sort().map((name) => [name, p[name]]),
    };
  }),
);

const deepPaths = [
  'result',
  'utils',
  'connection-parameters',
  'defaults',
  'query',
  'type-overrides',
  'client',
  'connection',
]
  .flatMap((path) => [path, `${path}.js`])
  .map((path) =>
    question(`lib/${path} can be required`, (t) => {
      const exported = require(`${t.name}/lib/${path}`);
      return typeof exported === 'function' ? exported.name : Object.keys(exported).sort();
    }),
  );

module.exports = [...escapes, ...surface, ...utils, ...configurations, ...deepPaths];
