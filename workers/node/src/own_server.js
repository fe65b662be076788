// `http_server`: a script that listens by itself, or an application or server that is exported.

import http from 'node:http';
import Module from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { handlersOf } from './a2a.js';
import { HANDLER_ERROR, LoadError, fromError } from './failures.js';
import {
  HttpSurface,
  asHandler,
  drainServer,
  guarded,
  pause,
  withoutBase,
} from './http_surface.js';
import { ELSEWHERE_GRACE_MS, FIRST_LOOK_MS, LONGEST_LOOK_MS } from './limits.js';
import { callAgent, findFile, loadObject, splitEntry } from './loader.js';

const SURFACE = 'http_server';

/** @typedef {{entry: string, socket: string, port: number}} Asked */

/**
 * Starts what `http_server` names.
 * @param {Asked} asked
 * @param {string} base
 * @param {string} root
 * @returns {Promise<{surface?: HttpSurface | ScriptSurface, service?: import('./a2a.js').A2aService}>}
 */
export async function startOwnServer(asked, base, root) {
  const [, name] = splitEntry(asked.entry);
  if (!name) {
    const script = new ScriptSurface(asked, root);
    await script.start();
    return { surface: script };
  }
  const server = await loadServer(asked.entry, base, root);
  if (!(server instanceof net.Server)) return { service: server };
  if (server.listening) return { surface: await ScriptSurface.of(server, asked) };
  const surface = new HttpSurface(/** @type {http.Server} */ (server), asked.socket);
  await surface.start();
  return { surface };
}

/**
 * @param {string} entry
 * @param {string} base
 * @param {string} root
 * @returns {Promise<net.Server | import('./a2a.js').A2aService>}
 */
async function loadServer(entry, base, root) {
  let found = await loadObject(entry, ['app', 'server', 'default'], SURFACE, root);
  const isFactory = typeof found === 'function' && !(await asHandler(found));
  if (isFactory) found = await callAgent(found, [], `calling '${entry}' for ${SURFACE}`, root);
  if (found instanceof net.Server) return found;
  const handler = await asHandler(found);
  if (handler) return http.createServer(guarded(withoutBase(base, handler)));
  const service = handlersOf(found);
  if (service) return service;
  throw new LoadError(
    HANDLER_ERROR,
    `'${entry}', which ${SURFACE} names, is a ${typeof found}: neither an application, nor a server, ` +
      'nor a function that returns one',
    [`${SURFACE}: ${entry}`],
  );
}

/** A script of the agent that runs as the main program and listens on $PORT or $PAR_SOCKET. */
export class ScriptSurface {
  #asked;
  #root;
  /** @type {Set<net.Server>} */
  #servers = new Set();
  /** The loopback port it chose; 0 = the socket. */
  port = 0;

  /**
   * @param {Asked} asked
   * @param {string} root
   */
  constructor(asked, root) {
    this.#asked = asked;
    this.#root = root;
  }

  /**
   * The surface of a server that listens already.
   * @param {net.Server} server
   * @param {Asked} asked
   */
  static async of(server, asked) {
    const surface = new ScriptSurface(asked, '');
    surface.#servers.add(server);
    await surface.#wait();
    return surface;
  }

  /** Runs the script until it accepts connections. */
  async start() {
    const file = findFile(this.#asked.entry, SURFACE, this.#root);
    const recorded = this.#servers;
    const listen = net.Server.prototype.listen;
    net.Server.prototype.listen = function (/** @type {any[]} */ ...args) {
      recorded.add(this);
      return listen.apply(this, /** @type {any} */ (args));
    };
    const doing = `running '${path.relative(this.#root, file)}' for ${SURFACE}`;
    try {
      await runMain(file);
    } catch (error) {
      throw fromError(error, doing, this.#root);
    }
    await this.#wait();
  }

  // How long it may take is par's to decide, as long as it does not listen elsewhere.
  async #wait() {
    /** @type {number | undefined} */
    let elsewhereSince;
    for (let look = FIRST_LOOK_MS; ; look = Math.min(look * 2, LONGEST_LOOK_MS)) {
      if (await accepts({ path: this.#asked.socket })) return;
      if (await accepts({ host: '127.0.0.1', port: this.#asked.port })) {
        this.port = this.#asked.port;
        return;
      }
      const places = [...this.#servers].filter((server) => server.listening).map(placeOf);
      elsewhereSince = places.length > 0 ? (elsewhereSince ?? performance.now()) : undefined;
      if (elsewhereSince !== undefined && performance.now() - elsewhereSince > ELSEWHERE_GRACE_MS) {
        throw listensElsewhere(places, this.#asked);
      }
      await new Promise((resolve) => setTimeout(resolve, look));
    }
  }

  /** @param {number} graceMs */
  async drain(graceMs) {
    // The script's own end comes first, if it has one.
    if (process.listenerCount('SIGTERM') > 0) process.emit('SIGTERM', 'SIGTERM');
    await Promise.race([
      Promise.all([...this.#servers].map((server) => drainServer(server, graceMs))),
      pause(graceMs),
    ]);
  }
}

/** @param {net.Server} server */
function placeOf(server) {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

/**
 * @param {string[]} places where it listens
 * @param {Asked} asked
 */
function listensElsewhere(places, asked) {
  return new LoadError(
    HANDLER_ERROR,
    `the script that ${SURFACE} names listens on ${places.join(', ')}, not where it was asked to`,
    [
      `${SURFACE}: ${asked.entry}`,
      `it listens on: ${places.join(', ')}`,
      `asked for: PORT=${asked.port} on 127.0.0.1, or PAR_SOCKET=${asked.socket}`,
    ],
    'Listen on process.env.PORT or process.env.PAR_SOCKET instead of a fixed port.',
  );
}

/**
 * Runs a file as `node file` would: `require.main === module` holds, and so does the comparison of
 * import.meta.url with process.argv[1].
 * @param {string} file
 */
async function runMain(file) {
  process.argv = [process.argv[0], file];
  if (!file.endsWith('.mjs')) {
    try {
      // The only way to load a CommonJS file as the main module; what `node file` itself calls.
      /** @type {any} */ (Module)._load(file, null, true);
      return;
    } catch (error) {
      if (/** @type {any} */ (error)?.code !== 'ERR_REQUIRE_ESM') throw error;
    }
  }
  await import(pathToFileURL(file).href);
}

/**
 * @param {net.NetConnectOpts} place
 * @returns {Promise<boolean>}
 */
function accepts(place) {
  return new Promise((resolve) => {
    const socket = net.connect(place);
    const end = (/** @type {boolean} */ result) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
