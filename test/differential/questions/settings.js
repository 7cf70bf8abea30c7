'use strict';

// Settings that change how the server writes values.

const stamps = `timestamp '2020-02-03 04:05:06.789' as a, timestamptz '2020-02-03 04:05:06.789+00' as b,
  date '2020-02-03' as c, time '04:05:06.789' as d, timetz '04:05:06+02' as e,
  timestamptz '0044-03-15 12:00:00+00 BC' as f, timestamp 'infinity' as g, date '-infinity' as h,
  array[timestamptz '2020-02-03 04:05:06+00', null] as i, array[date '2020-02-03'] as j`;
const spans = `interval '1 year 2 mons -3 days 04:05:06.789' as a, interval '-00:00:01' as b, interval '0' as c,
  array[interval '1 day', null, interval '-1 mon'] as d`;
const floats = `0.1::float4 as a, 0.1::float8 as b, (1.0::float8 / 3) as c, 1e22::float8 as d, array[0.1::float4] as e`;

const withSetting = (name, value, columns) => ({
  ask: `${name} = ${value}`,
  setup: [`set ${name} to '${value}'`],
  sql: `select ${columns}`,
});

const dateStyles = ['ISO', 'ISO, DMY', 'SQL, MDY', 'SQL, DMY', 'Postgres, MDY', 'Postgres, DMY', 'German'];
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/St_Johns',
  'Asia/Kolkata',
  'Pacific/Apia',
  'Africa/Monrovia',
  '+05:53',
];

const localZones = [
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'Asia/Kolkata',
  'Pacific/Apia',
  'Europe/Berlin',
];
const localDates = localZones.flatMap((zone) => [
  { ask: `values read in the local zone ${zone}`, zone, sql: `select ${stamps}` },
  {
    ask: `values read in the local zone ${zone}, around its clock changes`,
    zone,
    sql: `select ts, ts::timestamptz as tz, ts::date as d from generate_series(timestamp '2021-03-13 22:00',
      '2021-03-14 06:00', '30 minutes') ts union all select ts, ts::timestamptz, ts::date
      from generate_series(timestamp '2021-10-30 22:00', '2021-11-07 06:00', '3 hours') ts`,
  },
]);

const others = [
  [
    'bytea_output',
    'escape',
    String.raw`'\x00ff5c41'::bytea as a, array['\x00ff5c22'::bytea, null] as b, ''::bytea as c`,
  ],
  ['bytea_output', 'hex', String.raw`'\x00ff5c41'::bytea as a`],
  ['lc_monetary', 'C', `1234.5::money as a, array[1::money] as b`],
  ['xmloption', 'document', `xml '<a/>' as a`],
  ['standard_conforming_strings', 'off', `'a\\\\b' as a`],
  ['escape_string_warning', 'off', `'a' as a`],
  ['client_encoding', 'LATIN1', `'äöü' as a, chr(233) as b, array['ß'] as c, 'é' as "spé"`],
  ['client_encoding', 'UTF8', `'😀' as a`],
  ['client_encoding', 'SQL_ASCII', `'abc' as a`],
  ['client_encoding', 'WIN1252', `chr(8364) as a, 'é' as b`],
  ['client_encoding', 'EUC_JP', `chr(26085) as a`],
];

module.exports = [
  ...dateStyles.map((style) => withSetting('datestyle', style, stamps)),
  ...zones.map((zone) => withSetting('timezone', zone, stamps)),
  ...['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'].map((s) =>
    withSetting('intervalstyle', s, spans),
  ),
  ...['-15', '0', '1', '3'].map((digits) => withSetting('extra_float_digits', digits, floats)),
  ...others.map(([name, value, columns]) => withSetting(name, value, columns)),
  ...localDates,
];
