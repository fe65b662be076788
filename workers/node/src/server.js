// The worker's life: load the agent, say hello, answer frames, drain, end.

import fs from 'node:fs';

import { GrpcSurface, emptyService, loadA2a } from './a2a.js';
import { Executions } from './executions.js';
import { LoadError, fromError } from './failures.js';
import { FrameDecoder, FrameError, encodeFrame } from './frames.js';
import { ORPHAN_GRACE_MS, SIGNAL_GRACE_MS } from './limits.js';
import { loadObject } from './loader.js';
import { startOwnServer } from './own_server.js';
import { buildRest } from './rest.js';

const PROTOCOL_VERSION = 1;
const SDK = 'pixell-worker-node/1.0.0';

/** @typedef {{drain: (graceMs: number) => Promise<void>}} Surface */

/** One agent behind one connection to `par`. */
export class Worker {
  #socket;
  #decoder = new FrameDecoder();
  /** @type {Surface[]} */
  #surfaces = [];
  /** @type {Executions | undefined} */
  #executions;
  #isLoading = false;
  /** @type {(code: number) => void} */
  #end = () => undefined;
  #isEnding = false;

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.#socket = socket;
  }

  /**
   * Serves until drained or abandoned.
   * @returns {Promise<number>} the exit code of the process
   */
  run() {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#socket.on('data', (chunk) => this.#received(chunk));
      this.#socket.on('error', () => undefined); // 'close' follows
      this.#socket.on('close', () => this.#finish(ORPHAN_GRACE_MS));
      this.#socket.on('end', () => this.#socket.destroy());
    });
  }

  /** @param {Record<string, unknown>} header */
  #send(header) {
    const frame = encodeFrame(header);
    if (this.#socket.writable) this.#socket.write(frame);
  }

  /** @param {Buffer} chunk */
  #received(chunk) {
    try {
      for (const header of this.#decoder.feed(chunk)) this.#handle(header);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      console.error(`pixell_worker: ${error.message}`);
      this.#end(2);
    }
  }

  /** @param {Record<string, any>} header */
  #handle(header) {
    if (header.t === 'load') this.#load(header);
    else if (header.t === 'ping') this.#send({ t: 'pong', n: header.n });
    else if (header.t === 'execute') this.#executions?.execute(header);
    else if (header.t === 'credit')
      this.#executions?.credit(String(header.x ?? ''), Number(header.n) || 0);
    else if (header.t === 'cancel') this.#executions?.cancel(String(header.x ?? ''));
    else if (header.t === 'drain') this.#finish(Number(header.grace_ms) || 0);
  }

  /** @param {Record<string, any>} load */
  #load(load) {
    if (load.v !== PROTOCOL_VERSION)
      throw new FrameError(`protocol version ${load.v} is not spoken here`);
    if (this.#isLoading) throw new FrameError('load came twice');
    this.#isLoading = true;
    const root = String(load.package_root || '.');
    // What the agent's code throws later than its import, in a callback, ends the loading too.
    /** @type {(error: unknown) => void} */
    let stop = () => undefined;
    const stray = new Promise((_, reject) => {
      stop = (error) => reject(fromError(error, 'loading the agent', root));
      process.on('uncaughtException', stop);
    });
    Promise.race([this.#start(load, root), stray]).then(
      (hello) => {
        process.off('uncaughtException', stop);
        this.#watchSignals();
        this.#send(/** @type {Record<string, unknown>} */ (hello));
      },
      (error) => this.#loadFailed(fromError(error, 'serving the agent', root)),
    );
  }

  /**
   * Starts every configured surface; the hello that says what is served.
   * @param {Record<string, any>} load
   * @param {string} root
   */
  async #start(load, root) {
    const base = String(load.base_path || '/');
    if (!fs.existsSync(root))
      throw new LoadError('handler_error', `there is no package at ${root}`);
    const { rest, a2a, http_server: own } = load;
    let service = a2a ? await loadA2a(String(a2a.entry ?? ''), root) : emptyService('none');
    /** @type {string[]} */
    let claims = [];
    if (rest) {
      const built = await buildRest(rest, base, root);
      this.#surfaces.push(built.surface);
      await built.surface.start();
      claims = built.claims;
    }
    let port = 0;
    let hasServer = false;
    if (own) {
      const started = await startOwnServer(own, base, root);
      if (started.surface) {
        this.#surfaces.push(started.surface);
        port = 'port' in started.surface ? started.surface.port : 0;
        hasServer = true;
      }
      if (started.service) service = merged(service, started.service);
    }
    if (service.kind === 'servicer') {
      const surface = new GrpcSurface(service.server, a2a.grpc_socket, root);
      await surface.start();
      this.#surfaces.push(surface);
    }
    const entry = String(load.entrypoint ?? '');
    // A script without a function is a server, which http_server names too.
    const entrypoint = entry.includes(':') ? entrypointLoader(entry, root) : undefined;
    this.#executions = new Executions(service, entrypoint, (header) => this.#send(header));
    return {
      t: 'hello',
      v: PROTOCOL_VERSION,
      lang: 'node',
      sdk: SDK,
      pid: process.pid,
      runtime: process.versions.node,
      rest: Boolean(rest),
      http_server: hasServer,
      http_server_port: port,
      a2a: service.kind === 'none' ? null : service.kind,
      handlers: [
        ...[...service.handlers.keys()].map((name) => ({ name, kind: 'legacy' })),
        ...[...service.streaming.keys()].map((name) => ({ name, kind: 'streaming' })),
      ],
      entrypoint: entrypoint !== undefined,
      rest_claims: claims,
      warnings: service.warnings,
    };
  }

  /** @param {LoadError} error */
  #loadFailed(error) {
    const { kind: cause, message, evidence, remedy } = error;
    this.#send({ t: 'load_error', cause, message, evidence, ...(remedy ? { remedy } : {}) });
    this.#socket.end(() => this.#end(1));
  }

  #watchSignals() {
    // Only now: until the agent is loaded a signal simply ends the process.
    for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
      if (process.listenerCount(signal) === 0) {
        process.once(signal, () => this.#finish(SIGNAL_GRACE_MS));
      }
    }
  }

  /** @param {number} graceMs */
  #finish(graceMs) {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const closing = [...this.#surfaces, ...(this.#executions ? [this.#executions] : [])];
    Promise.allSettled(closing.map((surface) => surface.drain(graceMs))).then((results) => {
      for (const result of results) {
        if (result.status === 'rejected') {
          console.error('pixell_worker: closing a surface failed:', result.reason);
        }
      }
      this.#socket.end(() => this.#end(0));
      // A socket that is gone already tells nobody that it has ended.
      if (this.#socket.destroyed) this.#end(0);
    });
  }
}

/**
 * Loads the function of `entrypoint` when it is called for the first time: one that cannot be
 * loaded must not keep the surfaces from being served. Another call tries again.
 * @param {string} entry
 * @param {string} root
 * @returns {() => Promise<Function>}
 */
function entrypointLoader(entry, root) {
  /** @type {Function | undefined} */
  let loaded;
  return async () => {
    if (loaded) return loaded;
    const found = await loadObject(entry, ['main', 'default'], 'entrypoint', root);
    if (typeof found !== 'function')
      throw new TypeError(`'${entry}' is a ${typeof found}, not a function`);
    loaded = found;
    return found;
  };
}

/**
 * Handlers that came from http_server; those of the A2A surface win.
 * @param {import('./a2a.js').A2aService} service
 * @param {import('./a2a.js').A2aService} named
 * @returns {import('./a2a.js').A2aService}
 */
function merged(service, named) {
  if (service.kind === 'servicer') return service;
  return {
    kind: 'handlers',
    handlers: new Map([...named.handlers, ...service.handlers]),
    streaming: new Map([...named.streaming, ...service.streaming]),
    warnings: [...service.warnings, ...named.warnings],
  };
}
