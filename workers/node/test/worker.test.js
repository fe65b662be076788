import assert from 'node:assert/strict';

import { workerTest } from './worker_test.js';

const ROUTES = `
exports.mount = (app, { basePath }) => {
  app.use((req, res, next) => { res.set('x-seen', req.originalUrl); next(); });
  app.get('/api/users/:id', (req, res) => res.json({ id: req.params.id, q: req.query.q, base: basePath }));
  app.post('/api/echo', (req, res) => res.status(201).json({ got: req.body }));
  app.all('/api/any', (req, res) => res.send(req.method));
  app.get('/api/broken', async () => { throw new Error('secret detail'); });
  app.get('/api/teapot', (req, res, next) => next(Object.assign(new Error('short and stout'), { status: 418 })));
  app.get('/api/files/*', (req, res) => res.type('text').send(req.params[0]));
  app.post('/invoke', (req, res) => res.json('own'));
  app.get('/api/first', (req, res, next) => next(), (req, res) => res.sendStatus(204));
};
`;

workerTest(
  'routes of mount(app) answer with and without the base path',
  { 'src/rest.js': ROUTES },
  async (par) => {
    const hello = await par.load({ rest: { entry: 'src.rest:mount', socket: par.rest } });
    assert.equal(hello.t, 'hello', JSON.stringify(hello));
    assert.deepEqual(
      [hello.v, hello.lang, hello.rest, hello.http_server, hello.a2a],
      [1, 'node', true, false, null],
    );

    assert.deepEqual(hello.rest_claims, ['POST /invoke']);

    const plain = await par.ask(par.rest, '/api/users/a%20b?q=1');
    assert.deepEqual(plain.json(), { id: 'a b', q: '1', base: '/agents/a' });
    const based = await par.ask(par.rest, '/agents/a/api/users/7');
    assert.equal(based.json().id, '7');
    assert.equal(based.headers['x-seen'], '/agents/a/api/users/7');
    const echo = await par.ask(par.rest, '/api/echo', {
      method: 'POST',
      body: '{"a":[1]}',
      headers: { 'content-type': 'application/json' },
    });
    assert.deepEqual([echo.status, echo.json()], [201, { got: { a: [1] } }]);
    const bad = await par.ask(par.rest, '/api/echo', {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(bad.status, 400);
    assert.equal((await par.ask(par.rest, '/api/any', { method: 'DELETE' })).text, 'DELETE');
    assert.deepEqual((await par.ask(par.rest, '/api/none')).json(), { detail: 'Not Found' });
    assert.equal((await par.ask(par.rest, '/api/users/%ff')).status, 400);
    const broken = await par.ask(par.rest, '/api/broken');
    assert.deepEqual([broken.status, broken.json()], [500, { detail: 'Internal Server Error' }]);
    await par.printed(/secret detail/);
    const teapot = await par.ask(par.rest, '/api/teapot');
    assert.deepEqual([teapot.status, teapot.json()], [418, { detail: 'short and stout' }]);
    assert.equal((await par.ask(par.rest, '/api/files/a/b.txt')).text, 'a/b.txt');
    assert.equal((await par.ask(par.rest, '/api/first')).status, 204);
    const head = await par.ask(par.rest, '/api/users/1', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal(await par.drain(), 0);
  },
);

for (const target of ['//', '//[', '/\\', '/?a=%ff&a=1&__proto__=x', '/%', '*']) {
  workerTest(`no request line ends the worker: ${target}`, { 'rest.js': ROUTES }, async (par) => {
    await par.load({ rest: { entry: 'rest.js:mount', socket: par.rest } });

    assert.match(String((await par.ask(par.rest, target)).status), /^4/);
    assert.equal((await par.ask(par.rest, '/api/users/1?q=a&q=b')).json().q.length, 2);
    assert.equal(await par.drain(), 0);
  });
}

const SUB_ROUTER = `
export default function mount(app) {
  const seen = [];
  app.use('/api/v1', (req, res, next) => { seen.push(req.baseUrl + '|' + req.url); next(); });
  app.route('/api/v1/things').get((req, res) => res.json(seen)).post((req, res) => res.json('made'));
  app.use((error, req, res, next) => res.status(500).json({ handled: error.message }));
  app.get('/api/late', () => { throw new Error('too late'); });
  app.use((error, req, res, next) => res.status(500).json({ handled: error.message }));
}
`;

workerTest(
  'middleware, routes and error handlers run in order',
  { 'rest.mjs': SUB_ROUTER },
  async (par) => {
    assert.equal((await par.load({ rest: { entry: 'rest.mjs', socket: par.rest } })).t, 'hello');

    assert.deepEqual((await par.ask(par.rest, '/api/v1/things?a=1')).json(), [
      '/api/v1|/things?a=1',
    ]);
    assert.equal((await par.ask(par.rest, '/api/v1/things', { method: 'POST' })).json(), 'made');
    assert.deepEqual((await par.ask(par.rest, '/api/late')).json(), { handled: 'too late' });
  },
);

const EXPRESS_DOUBLE = `
const layers = [];
module.exports = () => {
  const app = (req, res) => { let i = 0; const next = () => layers[i++](req, res, next); next(); };
  app.use = (layer) => layers.push(layer);
  app.handle = app;
  app.isExpress = true;
  return app;
};
`;

workerTest(
  "an express of the package's own is handed over",
  {
    'package.json': '{"name":"x"}',
    'node_modules/express/index.js': EXPRESS_DOUBLE,
    'index.js': `exports.mount = (app) => app.use((req, res, next) =>
      req.url === '/api/real' ? res.end(String(app.isExpress)) : next());`,
  },
  async (par) => {
    await par.load({ rest: { entry: 'index.js:mount', socket: par.rest } });

    assert.equal((await par.ask(par.rest, '/api/real')).text, 'true');
    assert.deepEqual((await par.ask(par.rest, '/other')).json(), { detail: 'Not Found' });
  },
);

const HANDLERS = `
exports.createService = async () => ({
  custom_handlers: {
    hello: async (parameters) => ({ hello: parameters.name }),
    plain: () => 'text',
    nothing: () => undefined,
    fails: () => { throw new Error('no luck'); },
    slow: (parameters, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    context: (parameters, { requestId, traceparent, tracestate }) => [requestId, traceparent, tracestate],
    throws_odd: () => { throw Object.create(null); },
    throws_odder: () => { throw Object.assign(new Error('x'), { message: { a: 1 } }); },
    circular: () => { const a = {}; a.a = a; return a; },
    broken: 'no function',
  },
});
`;

workerTest('handlers are called by frames', { 'a2a.js': HANDLERS }, async (par) => {
  const hello = await par.load({ a2a: { entry: 'a2a.js:createService', grpc_socket: par.grpc } });
  assert.equal(hello.a2a, 'handlers');
  assert.deepEqual(
    hello.handlers.map((/** @type {any} */ each) => each.name),
    [
      'hello',
      'plain',
      'nothing',
      'fails',
      'slow',
      'context',
      'throws_odd',
      'throws_odder',
      'circular',
    ],
  );
  assert.equal(hello.warnings.length, 1);
  const call = async (/** @type {string} */ action, parameters = {}, deadline_ms = 0) => {
    par.send({ t: 'execute', x: '1', action, parameters, request_id: 'r', deadline_ms });
    return par.next();
  };

  assert.deepEqual(await call('hello', { name: 'par' }), {
    t: 'done',
    x: '1',
    result: { hello: 'par' },
  });
  assert.equal((await call('plain')).result, 'text');
  assert.equal((await call('nothing')).result, null);
  assert.deepEqual(await call('fails'), { t: 'error', x: '1', code: 'failed', message: 'no luck' });
  assert.equal((await call('circular')).code, 'failed');
  assert.equal((await call('throws_odd')).code, 'failed');
  assert.equal((await call('throws_odder')).message, '[object Object]');
  const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'v=1' };
  par.send({ t: 'execute', x: '1', action: 'context', parameters: {}, request_id: 'r', ...trace });
  assert.deepEqual((await par.next()).result, ['r', trace.traceparent, trace.tracestate]);
  assert.equal((await call('unknown')).code, 'not_found');
  const late = await call('slow', {}, 20);
  assert.deepEqual([late.code, late.message], ['deadline_exceeded', 'no answer within 20 ms']);
  par.send({ t: 'execute', x: '2', action: 'slow', parameters: {} });
  par.send({ t: 'cancel', x: '2' });
  assert.deepEqual([(await par.next()).code], ['cancelled']);
  par.send({ t: 'ping', n: 4 });
  assert.deepEqual(await par.next(), { t: 'pong', n: 4 });
  assert.equal(await par.drain(), 0);
});

const STREAMS = `
export let closed = 0;
export const service = () => ({
  streaming_handlers: {
    count: async function* ({ to }) {
      try {
        for (let i = 0; i < to; i++) yield { type: 'content', data: i };
      } finally {
        console.log('closed');
      }
    },
    plain: () => 'no generator',
  },
});
export const main = (input) => ({ got: input });
`;

workerTest('streams are sent as far as there is credit', { 'a.mjs': STREAMS }, async (par) => {
  const hello = await par.load({
    a2a: { entry: 'a.mjs:service', grpc_socket: par.grpc },
    entrypoint: 'a.mjs:main',
  });
  assert.deepEqual(
    hello.handlers.map((/** @type {any} */ each) => each.kind),
    ['streaming', 'streaming'],
  );
  assert.equal(hello.entrypoint, true);
  const execute = (/** @type {Record<string, unknown>} */ more) =>
    par.send({ t: 'execute', x: '1', parameters: {}, ...more });

  execute({ target: 'stream', action: 'count', parameters: { to: 20 } });
  for (let i = 0; i < 16; i++)
    assert.deepEqual((await par.next()).event, { type: 'content', data: i });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(par.frames.length, 0);
  par.send({ t: 'credit', x: '1', n: 16 });
  for (let i = 16; i < 20; i++) assert.equal((await par.next()).event.data, i);
  assert.deepEqual(await par.next(), { t: 'done', x: '1', result: null });

  execute({ target: 'stream', action: 'plain' });
  assert.equal((await par.next()).result, 'no generator');
  execute({ target: 'entrypoint', parameters: { a: 1 } });
  assert.deepEqual((await par.next()).result, { got: { a: 1 } });

  par.output = '';
  execute({ target: 'stream', action: 'count', parameters: { to: 1000 } });
  for (let i = 0; i < 16; i++) await par.next();
  par.send({ t: 'cancel', x: '1' });
  assert.equal((await par.next()).code, 'cancelled');
  await par.printed(/closed/);
});

const broken = [
  [
    'a module that is not there',
    {},
    { rest: { entry: 'gone.js:mount' } },
    'missing_module',
    /gone\.js/,
  ],
  [
    'an import that is not installed',
    { 'a.js': "require('left-pad-that-is-not-there');" },
    { rest: { entry: 'a.js:mount' } },
    'missing_module',
    /left-pad-that-is-not-there/,
  ],
  [
    'an ES import that is not installed',
    { 'a.mjs': "import 'not-there-either';" },
    { rest: { entry: 'a.mjs:mount' } },
    'missing_module',
    /not-there-either/,
  ],
  [
    'a function that is not there',
    { 'a.js': 'exports.other = 1;' },
    { rest: { entry: 'a.js:mount' } },
    'handler_missing',
    /mount/,
  ],
  [
    'an error while loading',
    { 'a.js': 'null.x;' },
    { rest: { entry: 'a.js:mount' } },
    'handler_error',
    /TypeError/,
  ],
  [
    'a syntax error',
    { 'a.js': 'const = 1;' },
    { rest: { entry: 'a.js:mount' } },
    'handler_error',
    /SyntaxError/,
  ],
  [
    'an error in mount',
    { 'a.js': "exports.mount = async () => { throw new Error('bad day'); };" },
    { rest: { entry: 'a.js:mount' } },
    'handler_error',
    /bad day/,
  ],
  [
    'an error in a callback of the script',
    { 'a.js': "setTimeout(() => { throw new Error('later'); }, 5);" },
    { http_server: { entry: 'a.js', socket: 's', port: 1 } },
    'handler_error',
    /later/,
  ],
  [
    'a native module of another machine',
    { 'a.js': "require('./x.node');", 'x.node': 'no ELF at all, '.repeat(20) },
    { rest: { entry: 'a.js:mount' } },
    'wrong_architecture',
    /invalid ELF/,
  ],
];

for (const [name, files, surfaces, cause, words] of /** @type {any[]} */ (broken)) {
  workerTest(`${name} is ${cause}`, { 'keep.txt': '', ...files }, async (par) => {
    if (surfaces.rest) surfaces.rest.socket = par.rest;
    const answer = await par.load(surfaces);

    assert.deepEqual([answer.t, answer.cause], ['load_error', cause], JSON.stringify(answer));
    assert.match(answer.message, words);
    assert.ok(answer.evidence.length > 0);
    assert.equal(await par.exit, 1);
  });
}

workerTest(
  'the worker ends when par is gone',
  { 'a.js': 'exports.mount = () => setInterval(() => 0, 1000);' },
  async (par) => {
    await par.load({ rest: { entry: 'a.js:mount', socket: par.rest } });
    par.link.destroy();
    assert.equal(await par.exit, 0);
  },
);
