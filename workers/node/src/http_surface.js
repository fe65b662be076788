// An HTTP application of the agent, served as HTTP/1.1 on a Unix socket.

import fs from 'node:fs';
import http from 'node:http';

import { KEEP_ALIVE_MS } from './limits.js';
import { lastResort } from './router.js';

/** One server of the agent; started once, drained once. */
export class HttpSurface {
  #socket;
  #server;

  /**
   * @param {http.Server} server
   * @param {string} socket path it listens on
   */
  constructor(server, socket) {
    this.#server = server;
    this.#socket = socket;
    // Only par connects here; it has the deadlines of its clients.
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.requestTimeout = 0;
  }

  get server() {
    return this.#server;
  }

  /** Accepts connections when the promise is fulfilled. */
  async start() {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path: this.#socket }, () => {
        this.#server.off('error', reject);
        resolve(undefined);
      });
    });
  }

  /**
   * Accepts nothing more, lets running requests finish within the grace, then closes.
   * @param {number} graceMs
   */
  async drain(graceMs) {
    await drainServer(this.#server, graceMs);
    fs.rmSync(this.#socket, { force: true });
  }
}

/**
 * @param {any} server of node:http, or of node:net
 * @param {number} graceMs
 */
export async function drainServer(server, graceMs) {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(() => resolve(undefined)));
  server.closeIdleConnections?.();
  const timer = setTimeout(() => server.closeAllConnections?.(), graceMs);
  await Promise.race([closed, pause(graceMs)]);
  clearTimeout(timer);
  server.closeAllConnections?.();
}

/**
 * A pause that keeps no process alive.
 * @param {number} ms
 */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/**
 * The request handler in what an agent exported or returned: express, Koa, Fastify, or a function
 * of (req, res). Undefined when it is none of these.
 * @param {any} candidate
 * @returns {Promise<((req: any, res: any) => unknown) | undefined>}
 */
export async function asHandler(candidate) {
  if (typeof candidate === 'function') {
    const isApp = typeof candidate.handle === 'function' || typeof candidate.use === 'function';
    return isApp || candidate.length >= 2 ? candidate : undefined;
  }
  if (candidate === null || typeof candidate !== 'object') return undefined;
  if (typeof candidate.callback === 'function') return candidate.callback();
  if (typeof candidate.routing === 'function' && typeof candidate.ready === 'function') {
    await candidate.ready();
    return (req, res) => candidate.routing(req, res);
  }
  return undefined;
}

/**
 * The handler, whose failures (thrown, or a rejected promise) end the request and not the process.
 * @param {(req: any, res: any) => unknown} handler
 * @returns {(req: any, res: any) => Promise<void>}
 */
export function guarded(handler) {
  return async (req, res) => {
    try {
      await handler(req, res);
    } catch (error) {
      lastResort(res)(error ?? new Error('the handler failed without an error'));
    }
  };
}

/**
 * The handler behind the path the platform gives the agent: requests come with and without it, the
 * application sees them without, and the whole path as `req.originalUrl`.
 * @param {string} base "/agents/x", or "/"
 * @param {(req: any, res: any) => unknown} handler
 */
export function withoutBase(base, handler) {
  const prefix = base.replace(/\/+$/, '');
  if (prefix === '') return handler;
  return (/** @type {any} */ req, /** @type {any} */ res) => {
    const url = req.url;
    const isBelow = url === prefix || url.startsWith(`${prefix}/`) || url.startsWith(`${prefix}?`);
    if (isBelow) {
      req.originalUrl = url;
      const rest = url.slice(prefix.length);
      req.url = rest.startsWith('/') ? rest : `/${rest}`;
    }
    return handler(req, res);
  };
}
