// Runs calls of the agent's functions, many at the same time, and answers each once.

import { FrameError } from './frames.js';
import {
  CANCELLED_GRACE_MS,
  EVENT_CREDIT,
  MAX_EVENT_BYTES,
  MAX_EXECUTIONS,
  MAX_MESSAGE_CHARS,
} from './limits.js';
import { pause } from './http_surface.js';

/** The running calls, by the id their caller gave them. */
export class Executions {
  /** @type {Map<string, {cancel: AbortController, over: Promise<void>, credit: Credit}>} */
  #running = new Map();
  #service;
  #entrypoint;
  #send;

  /**
   * @param {import('./a2a.js').A2aService} service
   * @param {(() => Promise<Function>) | undefined} entrypoint gives the manifest's function
   * @param {(header: Record<string, unknown>) => void} send
   */
  constructor(service, entrypoint, send) {
    this.#service = service;
    this.#entrypoint = entrypoint;
    this.#send = send;
  }

  /**
   * Starts the call of an `execute` frame; its answer is sent when it ends.
   * @param {Record<string, any>} header
   */
  execute(header) {
    const x = String(header.x ?? '');
    const handler = this.#functionFor(header.target, header.action);
    if (!handler)
      return this.#error(x, 'not_found', `No handler found for action: ${header.action}`);
    if (this.#running.has(x)) return this.#error(x, 'failed', `execution ${x} is already running`);
    if (this.#running.size >= MAX_EXECUTIONS) {
      return this.#error(x, 'failed', `more than ${MAX_EXECUTIONS} calls are running`);
    }
    const cancel = new AbortController();
    const credit = new Credit(EVENT_CREDIT, cancel.signal);
    const over = this.#run(x, handler, header, cancel, credit).finally(() =>
      this.#running.delete(x),
    );
    this.#running.set(x, { cancel, over, credit });
  }

  /**
   * @param {unknown} target
   * @param {string} action
   * @returns {Function | undefined}
   */
  #functionFor(target, action) {
    const load = this.#entrypoint;
    if (target === 'entrypoint') {
      return load && (async (/** @type {unknown[]} */ ...args) => (await load())(...args));
    }
    return (target === 'stream' ? this.#service.streaming : this.#service.handlers).get(action);
  }

  /**
   * Lets a streaming call send that many events more.
   * @param {string} x
   * @param {number} count
   */
  credit(x, count) {
    this.#running.get(x)?.credit.add(count);
  }

  /**
   * Cancels one call; unknown ids are of calls that have just ended.
   * @param {string} x
   */
  cancel(x) {
    this.#running.get(x)?.cancel.abort();
  }

  /**
   * Waits for what runs, then cancels the rest and lets it answer.
   * @param {number} graceMs
   */
  async drain(graceMs) {
    await Promise.race([this.#all(), pause(graceMs)]);
    for (const { cancel } of this.#running.values()) cancel.abort();
    await Promise.race([this.#all(), pause(CANCELLED_GRACE_MS)]);
  }

  #all() {
    return Promise.all([...this.#running.values()].map(({ over }) => over));
  }

  /**
   * @param {string} x
   * @param {Function} handler
   * @param {Record<string, any>} header
   * @param {AbortController} cancel
   * @param {Credit} credit
   */
  async #run(x, handler, header, cancel, credit) {
    const limit = header.deadline_ms;
    const parameters = header.parameters;
    const isObject =
      parameters !== null && typeof parameters === 'object' && !Array.isArray(parameters);
    const context = {
      signal: cancel.signal,
      requestId: String(header.request_id ?? ''),
      traceparent: String(header.traceparent ?? ''),
      tracestate: String(header.tracestate ?? ''),
    };
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const stopped = new Promise((resolve) => {
      const end = (/** @type {string} */ why) => resolve({ why });
      cancel.signal.addEventListener('abort', () => end('cancelled'), { once: true });
      if (typeof limit === 'number' && limit > 0) timer = setTimeout(() => end('late'), limit);
    });
    try {
      const called = Promise.resolve()
        .then(() => handler(isObject ? parameters : {}, context))
        .then((result) =>
          header.target === 'stream' ? this.#sendEvents(x, result, credit) : result,
        )
        .then((result) => ({ result }));
      const outcome = /** @type {any} */ (await Promise.race([called, stopped]));
      if (outcome.why) called.catch(() => undefined); // nobody waits for it any more
      if (outcome.why === 'cancelled') return this.#error(x, 'cancelled', 'the call was cancelled');
      if (outcome.why === 'late') {
        cancel.abort();
        return this.#error(x, 'deadline_exceeded', `no answer within ${limit} ms`);
      }
      this.#done(x, outcome.result);
    } catch (error) {
      console.error(error);
      this.#error(x, 'failed', messageOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends what a generator yields, as far as there is credit; what is no generator is the result.
   * @param {string} x
   * @param {any} events
   * @param {Credit} credit
   */
  async #sendEvents(x, events, credit) {
    const isGenerator =
      typeof events?.next === 'function' &&
      (events[Symbol.asyncIterator] || events[Symbol.iterator]);
    if (!isGenerator) return events;
    // Leaving the loop in any way closes the generator.
    for await (const event of events) {
      if (Buffer.byteLength(JSON.stringify(event) ?? 'null') > MAX_EVENT_BYTES) {
        throw new RangeError(`an event is over the limit of ${MAX_EVENT_BYTES} bytes`);
      }
      if (!(await credit.take())) break;
      this.#send({ t: 'event', x, event: event === undefined ? null : event });
    }
    return null;
  }

  /**
   * @param {string} x
   * @param {unknown} result
   */
  #done(x, result) {
    try {
      this.#send({ t: 'done', x, result: result === undefined ? null : result });
    } catch (error) {
      if (!(error instanceof FrameError) && !(error instanceof TypeError)) throw error;
      this.#error(x, 'failed', `the result cannot be sent: ${error.message}`);
    }
  }

  /**
   * @param {string} x
   * @param {string} code
   * @param {string} message
   */
  #error(x, code, message) {
    this.#send({ t: 'error', x, code, message: message.slice(0, MAX_MESSAGE_CHARS) });
  }
}

/**
 * What may be told of whatever was thrown; an error need not be one, nor its message a text.
 * @param {any} error
 * @returns {string}
 */
function messageOf(error) {
  try {
    return error instanceof Error ? String(error.message || error.name) : String(error);
  } catch {
    return 'the handler threw what cannot be shown';
  }
}

/** How many events a call may still send. */
class Credit {
  #count;
  #signal;
  /** @type {Array<() => void>} */
  #waiting = [];

  /**
   * @param {number} count
   * @param {AbortSignal} signal ends all waiting
   */
  constructor(count, signal) {
    this.#count = count;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** @param {number} count */
  add(count) {
    this.#count = Math.min(this.#count + count, EVENT_CREDIT);
    this.#wake();
  }

  /** Takes one, waiting for it; false when the call is over. */
  async take() {
    while (this.#count <= 0 && !this.#signal.aborted) {
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    }
    this.#count -= 1;
    return !this.#signal.aborted;
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
