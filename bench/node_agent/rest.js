'use strict';

const BODY = 'x'.repeat(200);

/** Adds the measured route. */
exports.mount = (app) => {
  app.get('/api/bench', (req, res) => {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': BODY.length });
    res.end(BODY);
  });
};
