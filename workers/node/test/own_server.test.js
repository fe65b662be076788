// `http_server`: scripts that listen by themselves, and exported applications.

import assert from 'node:assert/strict';
import net from 'node:net';

import { workerTest } from './worker_test.js';

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const FAILING = `
export const app = (req, res) => {
  if (req.url === '/sync') throw new Error('at once');
  if (req.url === '/async') return Promise.reject(new Error('later'));
  if (req.url === '/nothing') return Promise.reject();
  res.end('fine');
};
`;

workerTest(
  'what an exported handler throws ends the request and not the worker',
  { 'app.mjs': FAILING },
  async (par) => {
    await par.load({ http_server: { entry: 'app.mjs:app', socket: par.http, port: 0 } });

    for (const failing of ['/sync', '/async', '/nothing']) {
      assert.equal((await par.ask(par.http, failing)).status, 500, failing);
    }
    assert.equal((await par.ask(par.http, '/')).text, 'fine');
    await par.printed(/at once/);
    assert.equal(await par.drain(), 0);
  },
);

for (const [place, listens] of [
  ['a socket', 'process.env.PAR_SOCKET'],
  ['a port', 'process.env.PORT'],
]) {
  const script = `
    const http = require('node:http');
    if (require.main === module)
      setTimeout(() => http.createServer((req, res) => res.end('own ' + req.url)).listen(${listens}), 20);
  `;
  workerTest(
    `a script that listens on ${place} is run as the main module`,
    { 'server.js': script },
    async (par) => {
      const port = await freePort();
      const hello = await par.load(
        { http_server: { entry: 'server.js', socket: par.http, port } },
        { PORT: String(port), PAR_SOCKET: par.http },
      );

      assert.deepEqual(
        [hello.http_server, hello.http_server_port],
        [true, place === 'a port' ? port : 0],
      );
      const reply =
        place === 'a port'
          ? await fetch(`http://127.0.0.1:${port}/x`).then((r) => r.text())
          : (await par.ask(par.http, '/x')).text;
      assert.equal(reply, 'own /x');
      assert.equal(await par.drain(), 0);
    },
  );
}

workerTest(
  'a script that listens elsewhere is told where it should',
  { 'server.js': "require('node:http').createServer().listen(0, '127.0.0.1');" },
  async (par) => {
    const port = await freePort();
    const answer = await par.load({ http_server: { entry: 'server.js', socket: par.http, port } });

    assert.deepEqual([answer.t, answer.cause], ['load_error', 'handler_error']);
    assert.match(answer.message, /listens on 127\.0\.0\.1:\d+/);
    assert.ok(answer.evidence.some((/** @type {string} */ line) => line.includes(`PORT=${port}`)));
    assert.match(answer.remedy, /process\.env\.PORT/);
    assert.equal(await par.exit, 1);
  },
);

workerTest(
  'an exported handler, a factory, and a map of handlers are servers too',
  {
    'app.mjs': `export const app = (req, res) => res.end('app');
export const make = async () => (await import('node:http')).createServer((req, res) => res.end('made'));
export const named = () => ({ custom_handlers: { chat: () => 1 } });`,
  },
  async (par) => {
    await par.load({ http_server: { entry: 'app.mjs:app', socket: par.http, port: 0 } });
    assert.equal((await par.ask(par.http, '/')).text, 'app');
    await par.drain();
    await par.load({ http_server: { entry: 'app.mjs:make', socket: par.http, port: 0 } });
    assert.equal((await par.ask(par.http, '/')).text, 'made');
    await par.drain();
    const hello = await par.load({
      http_server: { entry: 'app.mjs:named', socket: par.http, port: 0 },
    });
    assert.deepEqual([hello.http_server, hello.a2a], [false, 'handlers']);
  },
);
