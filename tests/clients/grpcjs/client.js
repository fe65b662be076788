// A gRPC client that makes calls of every kind and prints what came of them as one JSON object.
// Arguments: the address, the prefix of the paths, the value of x-agent-id (or nothing).
"use strict";
const grpc = require("@grpc/grpc-js");

const [address, prefix, agent] = process.argv.slice(2);
const LARGE_BYTES = 3 << 20;
const STREAMED = 500;
const CALL_DEADLINE_MS = 30_000;
const same = (bytes) => bytes;
const path = (method) => `${prefix}/pixell.test.Calls/${method}`;
const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
  "grpc.enable_http_proxy": 0,
});

function metadata(more = {}) {
  const given = new grpc.Metadata();
  if (agent) given.set("x-agent-id", agent);
  for (const [name, value] of Object.entries(more)) given.set(name, value);
  return given;
}

function unary(method, bytes, given = metadata()) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + CALL_DEADLINE_MS };
    const done = (error, answer) => (error ? reject(error) : resolve(answer));
    client.makeUnaryRequest(path(method), same, same, bytes, given, options, done);
  });
}

async function echo(out) {
  // The status comes behind the answer.
  const tail = new Promise((resolve) => {
    const given = metadata({ "x-ask": "this" });
    const bytes = Buffer.from("hello");
    const call = client.makeUnaryRequest(path("Echo"), same, same, bytes, given, (error, answer) => {
      if (error) throw error;
      out.unary = answer.toString();
    });
    call.on("metadata", (head) => (out.head = head.get("x-head").join()));
    call.on("status", (status) => resolve(status.metadata));
  });
  out.tail = (await tail).get("x-tail").join();
  out.tail_bin = (await tail).get("x-tail-bin")[0].toString("hex");
  out.large = (await unary("Echo", Buffer.alloc(LARGE_BYTES))).length;
}

async function streams(out) {
  out.client_stream = await new Promise((resolve, reject) => {
    const done = (error, answer) => (error ? reject(error) : resolve(answer.toString()));
    const call = client.makeClientStreamRequest(path("Total"), same, same, metadata(), done);
    for (let i = 0; i < STREAMED; i += 1) call.write(Buffer.from("four"));
    call.end();
  });
  out.server_stream = 0;
  const bytes = Buffer.from(String(STREAMED));
  const counted = client.makeServerStreamRequest(path("Count"), same, same, bytes, metadata());
  for await (const _ of counted) out.server_stream += 1;

  const talk = client.makeBidiStreamRequest(path("Talk"), same, same, metadata());
  const answers = talk[Symbol.asyncIterator]();
  const said = [];
  for (const word of ["a", "b", "c"]) {
    talk.write(Buffer.from(word));
    said.push((await answers.next()).value.toString());
  }
  talk.end();
  out.bidi = said.join();
  out.bidi_ends = (await answers.next()).done;
}

async function seen(mark) {
  for (const end = Date.now() + CALL_DEADLINE_MS; Date.now() < end; ) {
    const answer = (await unary("Seen", Buffer.from(mark))).toString();
    if (answer !== "0") return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return "0";
}

function wait(mark, options, onData) {
  return new Promise((resolve) => {
    const bytes = Buffer.from(mark);
    const call = client.makeServerStreamRequest(path("Wait"), same, same, bytes, metadata(), options);
    call.on("data", () => onData(call));
    call.on("error", (error) => resolve(grpc.status[error.code]));
  });
}

async function ends(out) {
  out.deadline = await wait("js-deadline", { deadline: Date.now() + 1000 }, () => {});
  out.deadline_seen = await seen("js-deadline");
  out.cancel = await wait("js-cancel", {}, (call) => call.cancel());
  out.cancel_seen = await seen("js-cancel");
}

async function failure(out) {
  const details = Buffer.from("any bytes");
  try {
    await unary("Fail", Buffer.alloc(0), metadata({ "want-details-bin": details }));
  } catch (error) {
    out.failure = `${grpc.status[error.code]}: ${error.details}`;
    out.details = error.metadata.get("grpc-status-details-bin")[0].toString();
  }
}

async function main() {
  const out = {};
  await echo(out);
  await streams(out);
  await ends(out);
  await failure(out);
  client.close();
  console.log(JSON.stringify(out));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
