'use strict';

const http = require('node:http');
const { once } = require('node:events');
const { promisify } = require('node:util');
const session = require('express-session');
const PgStore = require('connect-pg-simple')(session);

const VISITORS = 50;
const { DATABASE_URL: conString } = process.env;

/** Counts each visitor's requests in its session; `/leave` forgets them. */
async function serve(store) {
  const remember = session({ store, secret: 'of the test', resave: false, saveUninitialized: false });
  const server = http.createServer((request, response) => {
    remember(request, response, (error) => {
      if (error) return response.writeHead(500).end(error.code);
      if (request.url === '/leave') return request.session.destroy(() => response.end('left'));
      request.session.visits = (request.session.visits ?? 0) + 1;
      return response.end(String(request.session.visits));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${server.address().port}`;
  const visit = async (cookie = '', path = '/') => {
    const response = await fetch(address + path, { headers: { cookie } });
    const given = response.headers.get('set-cookie')?.split(';')[0];
    return { status: response.status, text: await response.text(), cookie: given ?? cookie };
  };
  return { visit, close: () => server.close() };
}

async function useStore(store) {
  const get = promisify(store.get.bind(store));
  const told = [await get('nobody')];
  const cookie = { maxAge: 60_000 };
  await promisify(store.set.bind(store))('sid', { cookie, text: `it's "quoted" \\ ü`, list: [1, null] });
  told.push(await get('sid'));
  await promisify(store.set.bind(store))('sid', { cookie, text: 'another' });
  told.push(await get('sid'));
  // JavaScript's strings may hold it, PostgreSQL's text may not.
  const refusal = promisify(store.get.bind(store))('zero\0byte').catch(({ code }) => code);
  told.push(await refusal);
  await promisify(store.destroy.bind(store))('sid');
  told.push(await get('sid'));
  return told;
}

async function withoutTable() {
  const store = new PgStore({ conString, tableName: 'missing', pruneSessionInterval: false });
  const { code, message } = await promisify(store.get.bind(store))('sid').catch((error) => error);
  await store.close();
  return { code, message };
}

async function main() {
  const store = new PgStore({ conString, createTableIfMissing: true, pruneSessionInterval: false });
  const told = await useStore(store);
  const { visit, close } = await serve(store);
  const first = await Promise.all(Array.from({ length: VISITORS }, () => visit()));
  const second = await Promise.all(first.map(({ cookie }) => visit(cookie)));
  told.push(second.map(({ status, text }) => [status, text]));
  told.push((await visit(first[0].cookie, '/leave')).text, (await visit(first[0].cookie)).text);
  told.push((await visit(first[1].cookie)).text);
  close();
  await store.close();
  told.push(await withoutTable());
  return told;
}

main().then(require('../report').done, require('../report').failed);
