'use strict';

const assert = require('node:assert/strict');
const { NO_SLOT, StatementRegistry } = require('../../lib/statement-registry');

const SLOTS = 10_000;

/** What the addon would hold, slot by slot. */
function registry() {
  const slots = [];
  let told = 0;
  const define = (slot, text, name) => {
    slots[slot] = { text, name };
    told += 1;
  };
  return { slots, told: () => told, registry: new StatementRegistry(define) };
}

describe('statement registry', () => {
  it('tells of a text once', () => {
    const { slots, told, registry: statements } = registry();
    const slot = statements.slotOf('select 1', undefined);
    assert.equal(statements.slotOf('select 1', undefined), slot);
    assert.notEqual(slot, NO_SLOT);
    assert.deepEqual(slots[slot], { text: 'select 1', name: undefined });
    assert.equal(told(), 1);
  });

  it('keeps a named statement apart from its text alone, and from another text under its name', () => {
    const { slots, registry: statements } = registry();
    const texts = [
      ['a', undefined],
      ['a', 'n'],
      ['b', 'n'],
      ['a', 'm'],
    ];
    const given = texts.map(([text, name]) => statements.slotOf(text, name));
    assert.equal(new Set(given).size, texts.length);
    given.forEach((slot, i) => assert.deepEqual(Object.values(slots[slot]), texts[i]));
    assert.equal(statements.slotOf('b', 'n'), given[2]);
  });

  it('takes the empty text for a text', () => {
    const { slots, registry: statements } = registry();
    assert.deepEqual(slots[statements.slotOf('', undefined)], { text: '', name: undefined });
  });

  it('holds a bounded number, of which those in use stay', () => {
    const { slots, told, registry: statements } = registry();
    const kept = statements.slotOf('in use', undefined);
    for (let i = 0; i < 3 * SLOTS; i++) {
      const slot = statements.slotOf(`select ${i}`, undefined);
      assert.equal(slots[slot].text, `select ${i}`);
      assert.equal(statements.slotOf('in use', undefined), kept);
    }
    assert.ok(slots.length <= SLOTS + 2);
    assert.equal(told(), 3 * SLOTS + 1);
  });

  it('holds a bounded amount of text', () => {
    const { slots, registry: statements } = registry();
    for (let i = 0; i < 1000; i++) statements.slotOf(String(i).padEnd(60_000, 'x'), undefined);
    const held = slots.reduce((sum, { text }) => sum + text.length, 0);
    assert.ok(held <= 8 * 2 ** 20, `${held} characters`);
  });

  it('lets a text of great length pass without keeping it', () => {
    const { slots, registry: statements } = registry();
    const [one, other] = ['x', 'y'].map((letter) => letter.repeat(100_000));
    const slot = statements.slotOf(one, undefined);
    assert.equal(slots[slot].text, one);
    assert.equal(statements.slotOf(other, undefined), slot);
    assert.equal(slots[slot].text, other);
  });

  it('thinks of no text that could not be handed over', () => {
    let fails = true;
    const told = [];
    const statements = new StatementRegistry((slot, text) => {
      if (fails) throw new RangeError('too long');
      told.push(text);
    });
    assert.throws(() => statements.slotOf('a', undefined), RangeError);
    fails = false;
    statements.slotOf('a', undefined);
    assert.deepEqual(told, ['a']);
  });
});
