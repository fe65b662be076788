// The paths of par's own A2A surface that a REST application has as routes itself.

const POST = ['/', '/a2a', '/stream', '/a2a/stream', '/respond', '/a2a/respond', '/invoke'];
const GET = ['/.well-known/agent.json', '/a2a/.well-known/agent.json'];
const PATHS = /** @type {Record<string, string[]>} */ ({ post: POST, get: GET });

/**
 * Word by word: a route with parameters that would match too was not made for these paths.
 * @param {any} app the built-in router, or an express application
 * @returns {string[]} "POST /invoke"
 */
export function restClaims(app) {
  const claims = [];
  for (const [method, path] of routesOf(app)) {
    const name = path.replace(/\/+$/, '') || '/';
    if (PATHS[method]?.includes(name)) claims.push(`${method.toUpperCase()} ${name}`);
  }
  return claims;
}

/**
 * Method and path of each route; those of routers below a prefix are not looked into.
 * @param {any} app
 * @returns {Array<[string, string]>}
 */
function routesOf(app) {
  return stackOf(app).flatMap((/** @type {any} */ layer) => {
    if (layer.route) {
      const methods = Object.keys(layer.route.methods ?? {});
      return [layer.route.path]
        .flat()
        .flatMap((path) =>
          methods.map((method) => /** @type {[string, string]} */ ([method, String(path)])),
        );
    }
    return layer.path && layer.method
      ? [/** @type {[string, string]} */ ([layer.method, layer.path])]
      : [];
  });
}

/** @param {any} app @returns {any[]} */
function stackOf(app) {
  if (Array.isArray(app?.stack)) return app.stack;
  // express 4 has `_router`, and throws at `router`; express 5 has only that.
  if (Array.isArray(app?._router?.stack)) return app._router.stack;
  try {
    return app?.router?.stack ?? [];
  } catch {
    return []; // express 4 without any route
  }
}
