'use strict';

/**
 * A pool seen with a route: the same connections, the same counters, the same events, `instanceof Pool`.
 * Only query() says in addition where it wants to go, and end() is the one that all views share.
 *
 * @param {object} pool
 * @param {{ route: 'primary' | 'replica', force: boolean, end: (options?: object) => Promise<void> }} view
 *   `force`: a query's own `route` does not count
 */
function viewOf(pool, { route, force, end }) {
  const own = {
    query: (...args) => pool.query(...routed(args, route, force)),
    stream: (...args) => pool.stream(...routed(args, route, force)),
    _openStream: (config, hooks) => pool._openStream(routed([config], route, force)[0], hooks),
    end: (options) => finish(end, options),
  };
  const bound = new Map();
  return new Proxy(pool, {
    get(target, key) {
      if (Object.hasOwn(own, key)) return own[key];
      const value = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key === 'constructor') return value;
      // Methods of a native-backed class need the real `this`.
      if (bound.get(key)?.from !== value) bound.set(key, { from: value, method: value.bind(target) });
      return bound.get(key).method;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

function routed([first, ...rest], route, force) {
  if (typeof first === 'string') return [{ text: first, route }, ...rest];
  // A submittable is an object with a life of its own: it stays what it is and takes the pool's default route.
  if (typeof first !== 'object' || first === null || typeof first.submit === 'function')
    return [first, ...rest];
  return [{ ...membersOf(first), route: force ? route : (first.route ?? route) }, ...rest];
}

// Statement objects of other libraries have `text` and `values` as getters on their class.
const INHERITED = ['text', 'values', 'name', 'rowMode', 'types'];

function membersOf(config) {
  const copy = { ...config };
  for (const key of INHERITED) {
    if (!Object.hasOwn(copy, key) && key in config) copy[key] = config[key];
  }
  return copy;
}

function finish(end, options) {
  if (typeof options !== 'function') return end(options);
  const callback = options;
  end().then(() => callback(), callback);
  return undefined;
}

module.exports = { viewOf };
