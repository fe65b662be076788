// The A2A surface: what the function of `a2a.entry` returned, and what that means.

import { HANDLER_ERROR, LoadError, fromError } from './failures.js';
import { callAgent, loadObject, requireFromAgent } from './loader.js';

const SURFACE = 'a2a.entry';
const DEFAULT_NAMES = [
  'create_service',
  'createService',
  'create_grpc_server',
  'createGrpcServer',
  'custom_handlers',
  'customHandlers',
  'default',
];

/**
 * How Invoke is answered: by `handlers`, by a whole gRPC `server`, or by nobody (`default`).
 * @typedef {object} A2aService
 * @property {'none' | 'default' | 'handlers' | 'servicer'} kind
 * @property {Map<string, Function>} handlers
 * @property {Map<string, Function>} streaming
 * @property {any} [server]
 * @property {string[]} warnings
 */

/** @param {A2aService['kind']} kind @returns {A2aService} */
export function emptyService(kind) {
  return { kind, handlers: new Map(), streaming: new Map(), warnings: [] };
}

/**
 * Calls the manifest's function; an empty entry means the default service.
 * @param {string} entry
 * @param {string} root
 * @returns {Promise<A2aService>}
 */
export async function loadA2a(entry, root) {
  if (!entry) return emptyService('default');
  const found = await loadObject(entry, DEFAULT_NAMES, SURFACE, root);
  const doing = `calling '${entry}' for ${SURFACE}`;
  const returned = typeof found === 'function' ? await callAgent(found, [], doing, root) : found;
  if (isGrpcServer(returned)) return { ...emptyService('servicer'), server: returned };
  const service =
    handlersOf(returned) ?? handlersOf({ custom_handlers: isNamed(entry) ? returned : null });
  if (service) return service;
  const what =
    returned === null || returned === undefined ? String(returned) : `a ${typeof returned}`;
  const warning =
    `'${entry}', which ${SURFACE} names, gave ${what}: neither a gRPC server nor custom_handlers, ` +
    'so the default service without actions is served';
  return { ...emptyService('default'), warnings: [warning] };
}

// `module:custom_handlers` names the map itself.
/** @param {string} entry */
function isNamed(entry) {
  return /:(custom_?handlers)$/i.test(entry);
}

/**
 * The service for an object or a Map with `custom_handlers`, `streaming_handlers`, or both.
 * @param {any} returned
 * @returns {A2aService | undefined}
 */
export function handlersOf(returned) {
  if (returned === null || typeof returned !== 'object') return undefined;
  const get = (/** @type {string} */ name) =>
    returned instanceof Map ? returned.get(name) : returned[name];
  const custom = get('custom_handlers') ?? get('customHandlers');
  const streaming = get('streaming_handlers') ?? get('streamingHandlers');
  if (!isMap(custom) && !isMap(streaming)) return undefined;
  const service = emptyService('handlers');
  take(custom, service.handlers, service.warnings);
  take(streaming, service.streaming, service.warnings);
  return service;
}

/** @param {any} named */
function isMap(named) {
  return named !== null && typeof named === 'object';
}

/**
 * @param {any} named
 * @param {Map<string, Function>} into
 * @param {string[]} warnings
 */
function take(named, into, warnings) {
  if (!isMap(named)) return;
  for (const [name, handler] of named instanceof Map ? named.entries() : Object.entries(named)) {
    if (typeof handler === 'function') into.set(String(name), handler.bind(named));
    else
      warnings.push(
        `the handler of action '${name}' is a ${typeof handler}, not a function; left out`,
      );
  }
}

/** @param {any} candidate */
function isGrpcServer(candidate) {
  return typeof candidate?.bindAsync === 'function' && typeof candidate?.addService === 'function';
}

/** A gRPC server of @grpc/grpc-js on a Unix socket. */
export class GrpcSurface {
  #server;
  #socket;
  #root;

  /**
   * @param {any} server
   * @param {string} socket
   * @param {string} root
   */
  constructor(server, socket, root) {
    this.#server = server;
    this.#socket = socket;
    this.#root = root;
  }

  async start() {
    const grpc = requireFromAgent('@grpc/grpc-js', this.#root);
    if (!grpc) {
      throw new LoadError(HANDLER_ERROR, 'a gRPC server needs @grpc/grpc-js in package.json', [
        "@grpc/grpc-js is not in the agent's node_modules",
      ]);
    }
    try {
      await new Promise((resolve, reject) => {
        const credentials = grpc.ServerCredentials.createInsecure();
        this.#server.bindAsync(`unix:${this.#socket}`, credentials, (/** @type {any} */ error) =>
          error ? reject(error) : resolve(undefined),
        );
      });
      this.#server.start?.(); // since 1.10 bindAsync has done it
    } catch (error) {
      throw fromError(error, 'starting the gRPC server', this.#root);
    }
  }

  /** @param {number} graceMs */
  async drain(graceMs) {
    await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve(undefined);
      }, graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }
}
