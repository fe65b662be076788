// The process: `node main.js` with a connected socket as descriptor $PAR_WORKER_FD.

import dns from 'node:dns';
import net from 'node:net';

import { Worker } from './server.js';

const fd = Number(process.env.PAR_WORKER_FD ?? '');
if (!Number.isInteger(fd) || fd < 3) {
  console.error('pixell_worker: PAR_WORKER_FD names no descriptor; this program is started by par');
  process.exit(2);
}
// The agent has no use for it.
delete process.env.PAR_WORKER_FD;
// An agent that listens on "localhost" is looked for at 127.0.0.1.
dns.setDefaultResultOrder('ipv4first');

const socket = new net.Socket({ fd, readable: true, writable: true });
process.exit(await new Worker(socket).run());
