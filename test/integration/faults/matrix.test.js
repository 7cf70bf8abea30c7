'use strict';

/*
 * Every fault in every situation, at moments that are chosen exactly, through a proxy that knows the protocol. Each cell
 * checks what is promised: every call settles by its deadline, with a code that says what happened; what an error says of
 * the outcome is what the server's table says afterwards; no write is there twice; the pool answers again, and leaves no
 * connection behind.
 *
 * `npm run faults` makes the table in docs/reliability.md of it.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { runCell } = require('./support/cell');
const { FAULTS, momentsOf } = require('./support/faults');
const { Rig } = require('./support/rig');
const { SITUATIONS } = require('./support/situations');

describe('fault matrix', function () {
  this.timeout(60_000);
  this.slow(6000);

  const rows = [];
  let rig;

  before(async () => {
    rig = await Rig.start();
  });

  after(async () => {
    const how = rig?.disk?.how;
    await rig?.stop();
    if (process.env.PGKEEL_FAULT_ROWS)
      fs.writeFileSync(process.env.PGKEEL_FAULT_ROWS, JSON.stringify({ disk: how, rows }));
  });

  for (const fault of FAULTS) {
    describe(fault.name, () => {
      for (const situation of SITUATIONS) {
        const reason = fault.none?.[situation.id];
        if (reason !== undefined) {
          rows.push({ fault: fault.id, situation: situation.id, none: reason });
          continue;
        }
        for (const moment of momentsOf(fault, situation)) {
          it(`${situation.name}${moment === undefined ? '' : `, ${moment}`}`, async () => {
            rows.push(await runCell(rig, fault, situation, moment));
          });
        }
      }
    });
  }

  // A suite of its own, because Mocha runs a suite's own tests before those of the suites in it.
  describe('as a whole', () => {
    it('has a cell for every fault in every situation', () => {
      const cells = new Set(rows.map(({ fault, situation }) => `${fault} x ${situation}`));
      assert.equal(cells.size, FAULTS.length * SITUATIONS.length);
    });
  });
});
