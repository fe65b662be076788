// A small router with the shape of express, for agents that do not bring express themselves.

import { readBody } from './body.js';
import { extendResponse } from './response.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

/**
 * @typedef {(req: any, res: any, next: (error?: unknown) => void) => unknown} Handler
 * @typedef {{method: string, path: string, pattern: Pattern, handler: Function}} Layer
 * @typedef {{expression: RegExp, names: string[], isPrefix: boolean}} Pattern
 */

/**
 * `/users/:id`, `/files/*`, a RegExp; a prefix also matches everything below it.
 * @param {string | RegExp} path
 * @param {boolean} isPrefix
 * @returns {Pattern}
 */
export function compilePath(path, isPrefix) {
  if (path instanceof RegExp) return { expression: path, names: [], isPrefix };
  /** @type {string[]} */
  const names = [];
  const trimmed = path.replace(/\/+$/, '');
  const source = trimmed.replace(/:([A-Za-z_]\w*)|\*|[.+?^${}()|[\]\\]/g, (found, name) => {
    if (name) {
      names.push(name);
      return '([^/]+)';
    }
    if (found !== '*') return `\\${found}`;
    names.push(String(names.filter((each) => /^\d+$/.test(each)).length));
    return '(.*)';
  });
  return {
    expression: new RegExp(`^${source}${isPrefix ? '(?=/|$)' : '/?$'}`, 'i'),
    names,
    isPrefix,
  };
}

/**
 * @param {Pattern} pattern
 * @param {string} path
 * @returns {{params: Record<string, string>, rest: string} | undefined}
 */
function match(pattern, path) {
  const found = pattern.expression.exec(path);
  if (!found) return undefined;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, name] of pattern.names.entries()) {
    params[name] = decodeURIComponent(found[index + 1] ?? '');
  }
  return { params, rest: pattern.isPrefix ? path.slice(found[0].length) || '/' : path };
}

/** @param {any[]} handlers @returns {Function[]} */
function flatten(handlers) {
  return handlers.flat(Infinity).map((handler) => {
    if (typeof handler === 'function') return handler;
    throw new TypeError(`a handler must be a function, not ${typeof handler}`);
  });
}

/**
 * The application: `app(req, res, next)`, with `get`, `post`, `put`, `patch`, `delete`, `head`,
 * `options`, `all`, `use`, `route`, `set`, and `locals`.
 * @returns {any}
 */
export function createRouter() {
  /** @type {Layer[]} */
  const layers = [];
  /** @type {Map<string, unknown>} */
  const settings = new Map();

  const app = (/** @type {any} */ req, /** @type {any} */ res, /** @type {any} */ done) =>
    dispatch(layers, req, res, done ?? lastResort(res));

  const add = (
    /** @type {string} */ method,
    /** @type {any} */ path,
    /** @type {any[]} */ handlers,
  ) => {
    for (const each of Array.isArray(path) ? path : [path]) {
      const pattern = compilePath(each, method === 'use');
      for (const handler of flatten(handlers)) {
        layers.push({ method, path: String(each), pattern, handler });
      }
    }
    return app;
  };

  for (const method of [...METHODS, 'all']) {
    app[method] = (/** @type {any} */ path, /** @type {any[]} */ ...handlers) => {
      if (method === 'get' && handlers.length === 0) return settings.get(path);
      return add(method, path, handlers);
    };
  }
  app.use = (/** @type {any[]} */ ...handlers) => {
    const hasPath = typeof handlers[0] === 'string' || handlers[0] instanceof RegExp;
    return add('use', hasPath ? handlers[0] : '/', hasPath ? handlers.slice(1) : handlers);
  };
  app.route = (/** @type {string} */ path) => {
    const route = Object.fromEntries(
      [...METHODS, 'all'].map((method) => [
        method,
        (/** @type {any[]} */ ...handlers) => {
          add(method, path, handlers);
          return route;
        },
      ]),
    );
    return route;
  };
  app.set = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    settings.set(name, value);
    return app;
  };
  app.locals = {};
  app.stack = layers;
  return app;
}

/**
 * @param {Layer} layer
 * @param {string} method
 */
function takes(layer, method) {
  if (layer.method === 'use' || layer.method === 'all' || layer.method === method) return true;
  return layer.method === 'get' && method === 'head';
}

/**
 * Runs the layers that match, one after the other, as long as each calls next().
 * @param {Layer[]} layers
 * @param {any} req
 * @param {any} res
 * @param {(error?: unknown) => void} done
 */
function dispatch(layers, req, res, done) {
  const method = req.method.toLowerCase();
  const before = { url: req.url, baseUrl: req.baseUrl ?? '', params: req.params };
  let index = 0;

  const next = (/** @type {unknown} */ failure) => {
    Object.assign(req, before);
    while (index < layers.length) {
      const layer = layers[index++];
      const handlesFailure = layer.handler.length === 4;
      if (!takes(layer, method) || handlesFailure !== Boolean(failure)) continue;
      const path = pathOf(req.url);
      let found;
      try {
        found = match(layer.pattern, path);
      } catch {
        failure = Object.assign(new Error('the path is not well encoded'), { status: 400 });
        continue;
      }
      if (found) return run(layer, found, failure);
    }
    done(failure);
  };

  const run = (
    /** @type {Layer} */ layer,
    /** @type {any} */ found,
    /** @type {unknown} */ failure,
  ) => {
    req.params = { ...before.params, ...found.params };
    if (layer.method === 'use') {
      const path = pathOf(before.url);
      const eaten =
        path.length - (found.rest === '/' && !path.endsWith('/') ? 0 : found.rest.length);
      req.baseUrl = before.baseUrl + path.slice(0, eaten);
      req.url = found.rest + before.url.slice(path.length);
    }
    req.path = pathOf(req.url);
    let isOver = false;
    const once = (/** @type {unknown} */ error) => {
      if (isOver) return;
      isOver = true;
      next(error === 'route' ? undefined : error);
    };
    const args = failure ? [failure, req, res, once] : [req, res, once];
    try {
      Promise.resolve(layer.handler(...args)).catch((error) =>
        once(error ?? new Error('rejected')),
      );
    } catch (error) {
      once(error ?? new Error('thrown'));
    }
  };

  next(undefined);
}

/** @param {string} url */
function pathOf(url) {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

/**
 * What answers when no handler did: 404, or the status of the error.
 * @param {any} res
 * @returns {(error?: any) => void}
 */
export function lastResort(res) {
  return (error) => {
    if (!error) return send(res, 404, 'Not Found');
    const given = Number(error.status ?? error.statusCode);
    const status = given >= 400 && given < 600 ? given : 500;
    if (status >= 500) console.error(error);
    send(res, status, status >= 500 ? 'Internal Server Error' : String(error.message ?? error));
  };
}

/**
 * @param {any} res
 * @param {number} status
 * @param {string} detail
 */
function send(res, status, detail) {
  if (res.writableEnded) return;
  if (res.headersSent) return res.destroy();
  const body = JSON.stringify({ detail });
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}

/**
 * What stands after the question mark. Any text has a query; not any is a URL ("//", "/\\").
 * @param {string} url
 */
function queryOf(url) {
  const parameters = new URLSearchParams(url.slice(pathOf(url).length));
  /** @type {Record<string, string | string[]>} */
  const query = Object.create(null);
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    query[name] = values.length > 1 ? values : values[0];
  }
  return query;
}

/**
 * A request handler for node:http in front of a router: query, body and the methods of `res`.
 * @param {any} app
 * @returns {(req: any, res: any) => void}
 */
export function routerHandler(app) {
  return (req, res) => {
    req.originalUrl ??= req.url;
    req.baseUrl = '';
    req.params = {};
    req.query = queryOf(req.url);
    req.get = req.header = (/** @type {string} */ name) => req.headers[name.toLowerCase()];
    extendResponse(req, res);
    readBody(req)
      .then(() => app(req, res, lastResort(res)))
      .catch((error) => lastResort(res)(error));
  };
}
