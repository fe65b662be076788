// Applications of other frameworks, each a server of its own.

exports.makeFastify = async () => {
  const app = require('fastify')();
  app.get('/api/form', async () => ({ form: 'fastify' }));
  app.post('/api/echo', async (request, reply) => reply.code(201).send(request.body));
  return app;
};

const Koa = require('koa');
exports.koa = new Koa();
exports.koa.use(async (context) => {
  context.body = { form: 'koa', path: context.path };
});

exports.express = require('express')();
exports.express.get('/api/form', (req, res) => res.json({ form: 'express' }));
