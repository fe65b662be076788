// The methods that express adds to a response, for the built-in router.

import { STATUS_CODES } from 'node:http';

const TYPES = /** @type {Record<string, string>} */ ({
  json: 'application/json; charset=utf-8',
  html: 'text/html; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
});

/**
 * @param {any} req
 * @param {any} res
 */
export function extendResponse(req, res) {
  res.req = req;
  res.locals = {};
  res.status = (/** @type {number} */ code) => {
    res.statusCode = code;
    return res;
  };
  res.set = res.header = (/** @type {any} */ name, /** @type {any} */ value) => {
    const fields = typeof name === 'string' ? { [name]: value } : name;
    for (const [each, text] of Object.entries(fields)) res.setHeader(each, text);
    return res;
  };
  res.get = (/** @type {string} */ name) => res.getHeader(name);
  res.type = (/** @type {string} */ name) => res.set('content-type', TYPES[name] ?? name);
  res.json = (/** @type {unknown} */ value) => {
    if (!res.hasHeader('content-type')) res.type('json');
    return finish(res, Buffer.from(JSON.stringify(value) ?? 'null'));
  };
  res.send = (/** @type {unknown} */ value) => {
    if (Buffer.isBuffer(value) || value instanceof Uint8Array) {
      if (!res.hasHeader('content-type')) res.type('application/octet-stream');
      return finish(res, Buffer.from(value));
    }
    if (typeof value === 'string') {
      if (!res.hasHeader('content-type')) res.type('html');
      return finish(res, Buffer.from(value));
    }
    return value === undefined ? finish(res, Buffer.alloc(0)) : res.json(value);
  };
  res.sendStatus = (/** @type {number} */ code) =>
    res
      .status(code)
      .type('text')
      .send(STATUS_CODES[code] ?? String(code));
  res.redirect = (/** @type {any} */ first, /** @type {any} */ second) => {
    const [code, to] = second === undefined ? [302, first] : [first, second];
    res.status(code).set('location', to).end();
    return res;
  };
}

/**
 * @param {any} res
 * @param {Buffer} body
 */
function finish(res, body) {
  const hasBody = res.statusCode !== 204 && res.statusCode !== 304;
  if (hasBody) res.setHeader('content-length', body.length);
  if (hasBody && res.req.method !== 'HEAD') res.end(body);
  else res.end();
  return res;
}
