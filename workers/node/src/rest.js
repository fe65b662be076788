// The REST surface: an application that the agent's `mount(app)` fills.

import http from 'node:http';

import { HANDLER_MISSING, LoadError } from './failures.js';
import { restClaims } from './claims.js';
import { HttpSurface, asHandler, guarded, withoutBase } from './http_surface.js';
import { callAgent, loadObject, requireFromAgent } from './loader.js';
import { createRouter, lastResort, routerHandler } from './router.js';

const SURFACE = 'rest.entry';

/**
 * The server with the agent's routes, and the paths of par's that are among them; LoadError says
 * why there is none.
 * @param {{entry: string, socket: string}} rest
 * @param {string} base
 * @param {string} root
 */
export async function buildRest(rest, base, root) {
  const mount = await loadObject(rest.entry, ['mount', 'default'], SURFACE, root);
  const express = requireFromAgent('express', root);
  const app = express ? express() : createRouter();
  const server = http.createServer();
  const returned = await mountInto(app, mount, { server, basePath: base }, rest.entry, root);
  const claims = restClaims(returned && returned.use ? returned : app);
  let handler = returned && returned !== app ? await asHandler(returned) : undefined;
  if (!handler) {
    // An unknown path answers like everywhere else on the platform.
    if (express) app.use((/** @type {any} */ _req, /** @type {any} */ res) => lastResort(res)());
    handler = express ? app : routerHandler(app);
  }
  server.on('request', guarded(withoutBase(base, handler)));
  return { surface: new HttpSurface(server, rest.socket), claims };
}

/**
 * @param {any} app
 * @param {any} mount
 * @param {object} context
 * @param {string} entry
 * @param {string} root
 */
async function mountInto(app, mount, context, entry, root) {
  // An application or a router itself: there is nothing to call.
  if (typeof mount === 'function' && typeof mount.use === 'function') return mount;
  if (typeof mount === 'function') {
    return callAgent(mount, [app, context], `calling '${entry}' for ${SURFACE}`, root);
  }
  if (await asHandler(mount)) return mount;
  throw new LoadError(
    HANDLER_MISSING,
    `'${entry}', which ${SURFACE} names, is ${mount === null ? 'null' : `a ${typeof mount}`}, not a function`,
    [`${SURFACE}: ${entry}`],
  );
}
