'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { readOptions } = require('../../bench/options');
const { bars } = require('../../bench/plot/bars');
const { lines } = require('../../bench/plot/lines');
const { linearTicks, logTicks, logarithmic, short } = require('../../bench/plot/scale');
const { element } = require('../../bench/plot/svg');
const { parseCallgrind, sumBy } = require('../../bench/profile/callgrind');
const { perQuery } = require('../../bench/profile/per-query');
const { parseStrace } = require('../../bench/profile/strace');
const { replaceTables } = require('../../bench/report/document');
const { delaySections } = require('../../bench/report/delays');
const { overloadSections } = require('../../bench/report/overload');
const { asMarkdown, asText, number } = require('../../bench/report/format');
const { median, summarise } = require('../../bench/statistics');
const { burn, calibrate } = require('../../bench/work');
const { chooseCases } = require('../../bench/workloads');

describe('bench: statistics', () => {
  it('medians pass over rounds that failed', () => {
    const { median: middle } = summarise([{ throughput: 10 }, undefined, { throughput: 30 }, null]);
    assert.equal(middle.throughput, 20);
  });

  it('ratios are of rounds, not of medians', () => {
    const rounds = [{ throughput: 2 }, { throughput: 30 }, { throughput: 8 }];
    const baseline = [{ throughput: 1 }, { throughput: 10 }, { throughput: 8 }];
    assert.equal(summarise(rounds, baseline).ratio.throughput, 2);
  });

  it('the spread is half of the interquartile range, as a share', () => {
    const rounds = [1, 2, 3, 4, 5].map((throughput) => ({ throughput }));
    assert.equal(summarise(rounds).spread.throughput, 1 / 3);
  });

  it('what nobody measured is not there', () => {
    assert.deepEqual(summarise([{ p50: 1 }]).ratio, {});
    assert.ok(Number.isNaN(median([])));
  });
});

describe('bench: options', () => {
  it('measures W1 to W6 with everybody unless told otherwise', () => {
    const options = readOptions([]);
    assert.deepEqual([options.action, options.kind, options.rounds], ['measure', 'workloads', 7]);
    assert.ok(options.contestants.includes('pgbench'));
  });

  it('has fewer rounds and contestants for what takes long', () => {
    const { kind, rounds, contestants } = readOptions(['--scaling']);
    assert.deepEqual([kind, rounds, contestants], ['scaling', 3, ['pgkeel', 'pg', 'postgres.js']]);
  });

  it('overloads only those that know deadlines', () => {
    const { kind, rounds, contestants } = readOptions(['--overload']);
    assert.deepEqual([kind, rounds, contestants], ['overload', 3, ['pgkeel', 'pg']]);
  });

  it('takes files only for what is done with results', () => {
    assert.deepEqual(readOptions(['--plot', 'a.json']).files, ['a.json']);
    assert.throws(() => readOptions(['a.json']), /what is a\.json/);
  });

  for (const args of [
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--rows', 'many'],
    ['--contestants', 'oracle'],
  ]) {
    it(`refuses ${args.join(' ')}`, () => assert.throws(() => readOptions(args)));
  }

  it('does one thing at a time', () => {
    assert.throws(() => readOptions(['--slow', '--scaling']), /one at a time: --slow, --scaling/);
  });
});

describe('bench: overload', () => {
  it('compares each load with the best of its contestant; one that failed is left out', () => {
    const of = (factor, goodput) => ({
      factor,
      rate: factor * 100,
      failures: goodput === undefined ? [{ contestant: 'pg', failure: 'out of luck\nat once' }] : [],
      summary: { pg: goodput === undefined ? {} : { goodput } },
    });
    const [{ rows, notes }] = overloadSections({ capacity: 100, cases: [of(1, 80), of(5, 20), of(2)] });
    assert.deepEqual(
      rows.slice(1).map((row) => row.slice(0, 3)),
      [
        ['pg, 1 x (100 per second)', '80', '100.0 %'],
        ['pg, 5 x (500 per second)', '20', '25.0 %'],
      ],
    );
    assert.deepEqual(notes, ['pg at 2 x failed: out of luck']);
  });
});

describe('bench: cases', () => {
  const ids = (kind, only) => chooseCases(kind, only).map(({ id }) => id);

  it('are chosen by workload, family or id', () => {
    assert.deepEqual(ids('workloads', ['W6']), ['W6a@64', 'W6p@64', 'W6m@4']);
    assert.deepEqual(ids('workloads', ['W1@64', 'W1w']), ['W1@64', 'W1w@64']);
    assert.throws(() => ids('workloads', ['W9']), /no such workload: W9/);
  });

  it('grow in one thing each', () => {
    const ends = (series) => {
      const all = chooseCases('scaling', [series]).map(({ x }) => x);
      return [all[0], all.at(-1)];
    };
    assert.deepEqual(ends('callers'), [1, 2_048]);
    assert.deepEqual(ends('rows'), [1, 1_000_000]);
    assert.deepEqual(ends('connections'), [1, 100]);
    assert.deepEqual(ends('texts'), [1, 10_000]);
  });
});

describe('bench: the work of an application', () => {
  it('takes CPU in proportion to its steps', () => {
    const steps = calibrate(1_000);
    const cpuOf = (times) => {
      const before = process.cpuUsage();
      for (let i = 0; i < times; i++) burn(steps);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / times;
    };
    const each = Math.min(cpuOf(50), cpuOf(50), cpuOf(50));
    assert.ok(each > 500 && each < 2_500, `${each} µs instead of 1,000`);
  });
});

describe('bench: reports', () => {
  const section = {
    title: 'T',
    rows: [
      ['', 'a|b'],
      ['x', '1'],
    ],
    notes: ['  said'],
  };

  it('are text or Markdown of the same sections', () => {
    assert.equal(asText([section]), 'T\n     a|b\n  x    1\n  said');
    assert.equal(asMarkdown([section]), '**T**\n\n|  | a\\|b |\n|---|--:|\n| x | 1 |\n\n- said');
  });

  it('numbers have three digits or more', () => {
    assert.deepEqual([0.1234, 12.34, 123.4, 1234.5, undefined].map(number), [
      '0.12',
      '12.3',
      '123',
      '1,235',
      '',
    ]);
  });

  it('are put into the marked places of a document, and nowhere else', () => {
    const before = 'a <!-- bench:slow -->old<!-- /bench --> b <!-- bench:scaling/rows --><!-- /bench --> c';
    const after = replaceTables(before, (kind, place) => (kind === 'slow' ? undefined : `${kind} ${place}`));
    const filled = '<!-- bench:scaling/rows -->\n\nscaling rows\n\n<!-- /bench -->';
    assert.equal(after, `a <!-- bench:slow -->old<!-- /bench --> b ${filled} c`);
  });
});

describe('bench: figures', () => {
  it('ticks are round and enclose the values', () => {
    assert.deepEqual(linearTicks(3.2, 6), [0, 1, 2, 3, 4]);
    assert.deepEqual(logTicks(3, 4_000), [1, 10, 100, 1_000, 10_000]);
    assert.deepEqual(logTicks(12, 60), [10, 20, 50, 100]);
    assert.deepEqual([1, 2_500, 1_000_000].map(short), ['1', '2.5k', '1M']);
  });

  it('a logarithmic axis has equal steps for equal factors', () => {
    const place = logarithmic([1, 100], [0, 200]);
    assert.equal(Math.round(place(10)), 100);
  });

  it('texts are escaped', () => {
    assert.equal(element('text', { x: 1.005, y: undefined }, []), '<text x="1"/>');
    assert.match(bars(chart({ title: 'a < b & "c"' })), /a &lt; b &amp; &quot;c&quot;/);
  });

  const chart = (given) => ({
    title: 'T',
    unit: 'times pg',
    names: ['pgkeel', 'postgres.js'],
    groups: [
      { name: 'W1@1', values: { pgkeel: 2, 'postgres.js': 1 } },
      { name: 'W2@4', values: { pgkeel: 3 } },
    ],
    ...given,
  });

  it('there is a bar for each value and none for a missing one, as high as its value', () => {
    const heights = [...bars(chart()).matchAll(/height="([\d.]+)"[^>]*><title>([^<]*)/g)];
    const byName = Object.fromEntries(heights.map(([, height, name]) => [name, Number(height)]));
    assert.deepEqual(Object.keys(byName), [
      'pgkeel, W1@1: 2.00',
      'postgres.js, W1@1: 1.00',
      'pgkeel, W2@4: 3.00',
    ]);
    assert.ok(Math.abs(byName['pgkeel, W2@4: 3.00'] / byName['postgres.js, W1@1: 1.00'] - 3) < 0.01);
  });

  it('a power law is a straight line', () => {
    const points = [1, 10, 100].map((x) => [x, x * x]);
    const panel = { title: 'P', x: 'x', y: 'y', curves: [{ name: 'pgkeel', points }] };
    const circles = [...lines('T', [panel]).matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
    const [a, b, c] = circles.slice(-3).map(([, cx, cy]) => [Number(cx), Number(cy)]);
    assert.ok(Math.abs(b[0] - a[0] - (c[0] - b[0])) < 0.1);
    assert.ok(Math.abs(b[1] - a[1] - (c[1] - b[1])) < 0.1);
    assert.ok(c[1] < a[1]);
  });
});

describe('bench: profiles', () => {
  const CALLGRIND = `
positions: line
events: Ir
ob=(1) /app
fl=(1) /src/a.c
fn=(1) main
10 5
cob=(2) /libc.so
cfn=(2) malloc
calls=3 0
11 900
12 7
fi=(2) /src/inline.h
20 11
fn=(3) other
+1 1

ob=(2)
fl=(3) ???
fn=(2)
0 900
`;

  it("what a callee costs is not its caller's own", () => {
    const { costs } = parseCallgrind(CALLGRIND);
    assert.deepEqual(
      sumBy(costs, ({ file }) => file),
      { '/src/a.c': 12, '/src/inline.h': 12, '???': 900 },
    );
  });

  it('calls are counted by caller', () => {
    const { calls } = parseCallgrind(CALLGRIND);
    assert.deepEqual(calls, [{ object: '/app', caller: 'main', callee: 'malloc', amount: 3 }]);
  });

  it("reads strace's table, with and without errors", () => {
    const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           6     10000       12 recvfrom
 40.00    0.400000           4      9000           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           5     19000       12 total`;
    assert.deepEqual(parseStrace(table), { recvfrom: 10_000, epoll_pwait: 9_000 });
  });

  it('what two runs have in common is no cost of a query', () => {
    const shorter = { queries: 100, amounts: { read: 150, open: 7 } };
    const longer = { queries: 300, amounts: { read: 550, open: 6, send: 20 } };
    assert.deepEqual(perQuery(shorter, longer), { read: 2, open: 0, send: 0.1 });
  });
});

describe('bench: delays', () => {
  const delay = (ms, onCpu, waited) => ({ delay: ms, onCpu, waited });
  const result = (...contestants) => ({ options: { results: 30 }, contestants });

  it('takes the longest of each round apart, and counts those that are too long', () => {
    const rounds = [
      { perResult: 150, delays: [delay(20, 5, 12), delay(18, 17, 0), delay(6, 6, 0)] },
      { perResult: 160, delays: [delay(30, 9, 16), delay(22, 19, 1), delay(16, 3, 3)] },
    ];
    const [{ rows }] = delaySections(result({ name: 'pgkeel', rounds, failures: [] }));
    assert.deepEqual(rows[1], ['pgkeel', ...[155, 25, 7, 14, 4, 2.5, 1, 18].map((figure) => number(figure))]);
  });

  it('names who failed, and shows a round without a delay as such', () => {
    const [{ rows, notes }] = delaySections(
      result(
        { name: 'pg', rounds: [undefined], failures: ['too slow\n  at once'] },
        { name: 'pgkeel', rounds: [{ perResult: 0, delays: [] }, undefined], failures: [] },
      ),
    );
    assert.deepEqual(notes, ['  pg failed: too slow']);
    assert.deepEqual(rows[1], ['pgkeel', ...Array(8).fill(number(0))]);
    assert.equal(rows.length, 2);
  });
});

describe('npm run bench', () => {
  it('--help names every option and needs no server', () => {
    const run = path.resolve(__dirname, '../../bench/run.js');
    const { stdout, status } = spawnSync(process.execPath, [run, '--help'], { encoding: 'utf8' });
    assert.equal(status, 0);
    const kinds = ['slow', 'scaling', 'stream', 'delays', 'overload', 'profile'];
    for (const name of [...kinds, 'report', 'plot', 'only', 'rounds']) {
      assert.ok(stdout.includes(`--${name}`), name);
    }
  });
});
