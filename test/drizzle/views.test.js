'use strict';

const assert = require('node:assert/strict');
const { viewOf } = require('../../lib/drizzle/views');

// What a view hands on is seen at the pool's own query(), which a server cannot show as long as all nodes are one.
describe('views of a pool', () => {
  class RecordingPool {
    seen = [];
    query(...args) {
      this.seen.push(args);
    }
  }

  function seenBy(options, ...args) {
    const pool = new RecordingPool();
    viewOf(pool, { end: async () => {}, force: false, ...options }).query(...args);
    return pool.seen[0];
  }

  it('add their route to text and to configs', () => {
    assert.deepEqual(seenBy({ route: 'replica' }, 'select 1'), [{ text: 'select 1', route: 'replica' }]);
    assert.deepEqual(seenBy({ route: 'primary' }, { text: 'select $1' }, [1]), [
      { text: 'select $1', route: 'primary' },
      [1],
    ]);
  });

  it('let a query choose for itself only where it may', () => {
    const config = { text: 'select 1', route: 'replica' };
    assert.equal(seenBy({ route: 'primary', force: true }, config)[0].route, 'primary');
    assert.equal(seenBy({ route: 'replica' }, { ...config, route: 'primary' })[0].route, 'primary');
  });

  it('leave submittables alone', () => {
    const submittable = { text: 'select 1', submit() {} };
    assert.equal(seenBy({ route: 'replica' }, submittable)[0], submittable);
  });

  it('pass nonsense on, for the pool to refuse', () => {
    assert.deepEqual(seenBy({ route: 'replica' }), [undefined]);
    assert.deepEqual(seenBy({ route: 'replica' }, null), [null]);
  });

  it('give the same bound method each time', () => {
    const view = viewOf(
      new (class extends RecordingPool {
        connect() {}
      })(),
      { route: 'primary', force: true, end: async () => {} },
    );
    assert.equal(view.connect, view.connect);
  });
});
