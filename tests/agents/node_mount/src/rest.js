'use strict';

exports.mount = (app) => {
  app.get('/api/greet/:name', (req, res) => {
    res.json({ text: `${process.env.GREETING} ${req.params.name}`, fd: process.env.PAR_WORKER_FD ?? null });
  });
  app.post('/api/echo', async (req, res) => res.status(201).json(req.body));
  app.get('/api/fail', async () => {
    throw new Error('on purpose');
  });
  app.get('/api/exit', () => process.exit(3));
};
