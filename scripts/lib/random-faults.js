'use strict';

const { setTimeout: pause } = require('node:timers/promises');

const TRAP_WAIT_MS = 1000;
const MOMENTS = ['before', 'inside', 'sent', 'executed', 'answering'];

/** One fault after the other, chosen at random, each of them over after a while. */
class RandomFaults {
  #cluster;
  #proxy;
  #random;
  #name;
  /** How often each was done. @type {Record<string, number>} */
  done = {};

  /** @param {{ cluster, proxy, random: () => number, name: string }} rig `name`: the pool's application_name */
  constructor({ cluster, proxy, random, name }) {
    this.#cluster = cluster;
    this.#proxy = proxy;
    this.#random = random;
    this.#name = name;
  }

  /** By weight: what happens often in life happens often here, what costs a second of everybody's time seldom. */
  #kinds = [
    [20, 'a link cut', () => this.#oneLink((link) => link.cut(this.#how()))],
    [4, 'every link cut', () => this.#proxy.cut(this.#how())],
    [24, 'a link cut at a COMMIT', () => this.#trap({ text: /^commit/i })],
    [20, 'a link cut at an INSERT', () => this.#trap({ text: /insert into/i })],
    [6, 'a link cut at a BEGIN', () => this.#trap({ text: /^begin/i })],
    [6, 'a link cut while it is opened', () => this.#trap({ on: 'startup' })],
    [6, 'a cancel cut', () => this.#trap({ on: 'cancel' })],
    [8, 'a link stalled', () => this.#oneLink((link) => this.#stall(link))],
    [6, 'a link delayed', () => this.#oneLink((link) => link.delay(this.#between(10, 300)))],
    [3, 'everything stalled', () => this.#stallAll()],
    [10, 'a backend killed', () => this.#kill()],
    [4, 'connections refused', () => this.#refuse()],
    [3, 'connections hung up on', () => this.#hangUp()],
    [3, 'the server frozen', () => this.#freeze()],
    [2, 'the server restarted, fast', () => this.#cluster.restart({ mode: 'fast' })],
    [2, 'the server restarted, immediate', () => this.#cluster.restart({ mode: 'immediate' })],
  ];

  async run(end) {
    while (performance.now() < end) {
      const [name, act] = this.#pick();
      await act();
      this.done[name] = (this.done[name] ?? 0) + 1;
      await pause(this.#between(50, 900));
    }
    await this.#proxy.heal();
  }

  #pick() {
    let left = this.#random() * this.#kinds.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, ...kind] of this.#kinds) if ((left -= weight) < 0) return kind;
    return this.#kinds[0].slice(1);
  }

  #between(low, high) {
    return low + this.#random() * (high - low);
  }

  #oneOf(list) {
    return list[Math.floor(this.#random() * list.length)];
  }

  #how() {
    return this.#oneOf(['reset', 'fin']);
  }

  async #oneLink(act) {
    const link = this.#oneOf([...this.#proxy.links]);
    if (link !== undefined) await act(link);
  }

  async #stall(link) {
    link.stall(this.#oneOf(['to server', 'to client', 'both']));
    await pause(this.#between(200, 3000));
    link.release();
  }

  async #trap(spec) {
    const trap = this.#proxy.trap({ ...spec, moment: this.#oneOf(MOMENTS), act: this.#how() });
    await Promise.race([trap.sprung, pause(TRAP_WAIT_MS)]);
    this.#proxy.untrap(trap);
  }

  async #stallAll() {
    this.#proxy.stall();
    await pause(this.#between(100, 1500));
    await this.#proxy.heal();
  }

  #kill() {
    return this.#cluster.psql(
      `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
        where application_name = '${this.#name}' order by random() limit 1) as one`,
    );
  }

  async #refuse() {
    await this.#proxy.refuse();
    if (this.#random() < 0.5) this.#proxy.cut(this.#how());
    await pause(this.#between(100, 1500));
    await this.#proxy.listen();
  }

  async #hangUp() {
    this.#proxy.hangsUp = true;
    this.#proxy.cut(this.#how());
    await pause(this.#between(100, 1000));
    this.#proxy.hangsUp = false;
  }

  async #freeze() {
    this.#cluster.freeze();
    await pause(this.#between(200, 2500));
    this.#cluster.thaw();
  }
}

module.exports = { RandomFaults };
