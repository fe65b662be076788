'use strict';

const http = require('node:http');

const place = process.env.LISTEN_ON === 'socket' ? process.env.PAR_SOCKET : process.env.PORT;

if (require.main === module) {
  http
    .createServer((req, res) => {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ url: req.url, place: process.env.LISTEN_ON ?? 'port' }));
    })
    .listen(place);
}
