// The other end of par-worker/1: starts the worker, tells it what to load, and talks with it.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { FrameDecoder, encodeFrame } from '../src/frames.js';

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));
const DEADLINE_MS = 30_000;

/** A package of some files, and the worker that serves it. */
export class ParDouble {
  /** @param {Record<string, string>} files name → text */
  constructor(files) {
    this.folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pw-')));
    this.root = path.join(this.folder, 'package');
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(this.root, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
    this.rest = path.join(this.folder, 'rest.sock');
    this.http = path.join(this.folder, 'http.sock');
    this.grpc = path.join(this.folder, 'a2a.sock');
    this.output = '';
    /** @type {any[]} */
    this.frames = [];
    /** @type {Array<() => void>} */
    this.waiting = [];
  }

  /**
   * Starts the worker and sends `load`; resolves with its first frame.
   * @param {Record<string, unknown>} surfaces
   * @param {Record<string, string>} env
   */
  async load(surfaces, env = {}) {
    this.child = spawn(process.execPath, [MAIN], {
      cwd: this.root,
      env: { PATH: process.env.PATH, PAR_WORKER_FD: '3', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.exit = new Promise((resolve) =>
      this.child.on('exit', (code, signal) => resolve(code ?? signal)),
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (text) => {
        this.output += text;
        for (const wake of this.waiting.splice(0)) wake();
      });
    }
    this.link = /** @type {import('node:net').Socket} */ (this.child.stdio[3]);
    const decoder = new FrameDecoder();
    this.link.on('error', () => undefined);
    this.link.on('data', (chunk) => {
      this.frames.push(...decoder.feed(chunk));
      for (const wake of this.waiting.splice(0)) wake();
    });
    this.send({
      t: 'load',
      v: 1,
      agent: 'a',
      package_root: this.root,
      base_path: '/agents/a',
      entrypoint: '',
      ...surfaces,
    });
    return this.next();
  }

  /** @param {Record<string, unknown>} header */
  send(header) {
    this.link.write(encodeFrame(header));
  }

  /** The next frame of the worker. @returns {Promise<any>} */
  async next() {
    await this.#until(() => this.frames.length > 0, 'frame');
    return this.frames.shift();
  }

  /**
   * Waits until the worker has printed a text.
   * @param {RegExp} text
   */
  printed(text) {
    return this.#until(() => text.test(this.output), String(text));
  }

  /**
   * @param {() => boolean} isDone
   * @param {string} wanted
   */
  async #until(isDone, wanted) {
    const deadline = Date.now() + DEADLINE_MS;
    while (!isDone()) {
      if (Date.now() > deadline) throw new Error(`no ${wanted} of the worker:\n${this.output}`);
      await new Promise((resolve) => {
        this.waiting.push(() => resolve(undefined));
        setTimeout(resolve, 200);
      });
    }
  }

  /**
   * One HTTP exchange over a socket.
   * @param {string} socketPath
   * @param {string} target
   * @param {{method?: string, body?: string, headers?: Record<string, string>}} options
   * @returns {Promise<{status: number, headers: any, text: string, json: () => any}>}
   */
  ask(socketPath, target, options = {}) {
    return new Promise((resolve, reject) => {
      const { method = 'GET', body, headers = {} } = options;
      const request = http.request(
        { socketPath, path: target, method, headers, agent: false },
        (reply) => {
          let text = '';
          reply.setEncoding('utf8');
          reply.on('data', (part) => (text += part));
          reply.on('end', () =>
            resolve({
              status: reply.statusCode ?? 0,
              headers: reply.headers,
              text,
              json: () => JSON.parse(text),
            }),
          );
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  /** Asks the worker to drain; its exit code. */
  drain(graceMs = 500) {
    this.send({ t: 'drain', grace_ms: graceMs });
    return this.exit;
  }

  async close() {
    this.child?.kill('SIGKILL');
    await this.exit;
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
