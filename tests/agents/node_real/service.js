// A server of @grpc/grpc-js with the whole service.

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync(path.join(__dirname, 'agent.proto'), { keepCase: true });
const { AgentService } = grpc.loadPackageDefinition(definition).pixell.agent;

exports.createGrpcServer = () => {
  const server = new grpc.Server();
  server.addService(AgentService.service, {
    Health: (call, done) => done(null, { ok: true, message: 'grpc-js', timestamp: Date.now() }),
    Ping: (call, done) => done(null, { message: 'pong of grpc-js', timestamp: Date.now() }),
    DescribeCapabilities: (call, done) => done(null, { methods: ['Invoke'], metadata: {} }),
    Invoke: (call, done) =>
      done(null, {
        success: true,
        result: `did ${call.request.action}`,
        request_id: call.request.request_id,
      }),
  });
  return server;
};
