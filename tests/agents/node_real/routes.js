// Routes on the express of the package.

exports.mount = (app) => {
  app.get('/api/form', (req, res) => res.json({ form: 'express', settings: app.get('x-powered-by') }));
  app.post('/api/echo', require('express').json(), (req, res) => res.status(201).json(req.body));
  app.get('/api/runtime', (req, res) => res.json({ node: process.versions.node }));
  app.post('/invoke', (req, res) => res.json('the route, not the entrypoint'));
  app.get('/api/broken', () => {
    throw new Error('on purpose');
  });
};
