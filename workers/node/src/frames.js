// Frames of par-worker/1: u32le header length, u32le body length, header (JSON), body.

import { MAX_FRAME_BYTES } from './limits.js';

const LENGTHS_BYTES = 8;

/** Something came that is not par-worker/1, or cannot be sent. */
export class FrameError extends Error {}

/**
 * @param {Record<string, unknown>} header
 * @returns {Buffer}
 */
export function encodeFrame(header) {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  if (text.length > MAX_FRAME_BYTES) {
    throw new FrameError(
      `a message of ${text.length} bytes is over the limit of ${MAX_FRAME_BYTES}`,
    );
  }
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32LE(text.length, 0);
  return Buffer.concat([lengths, text]);
}

/** Cuts a byte stream into frames. */
export class FrameDecoder {
  /** @type {Buffer[]} */
  #chunks = [];
  #bytes = 0;

  /**
   * @param {Buffer} chunk
   * @returns {Array<Record<string, any>>} the headers of the frames that are complete now
   */
  feed(chunk) {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next() {
    if (this.#bytes < LENGTHS_BYTES) return undefined;
    let data = this.#joined();
    const header = data.readUInt32LE(0);
    const body = data.readUInt32LE(4);
    if (header + body > MAX_FRAME_BYTES) {
      throw new FrameError(
        `a message of ${header + body} bytes is over the limit of ${MAX_FRAME_BYTES}`,
      );
    }
    const end = LENGTHS_BYTES + header + body;
    if (data.length < end) return undefined;
    const text = data.toString('utf8', LENGTHS_BYTES, LENGTHS_BYTES + header);
    data = data.subarray(end);
    this.#chunks = data.length > 0 ? [data] : [];
    this.#bytes = data.length;
    return parseHeader(text);
  }

  // Joined only when a frame may be complete, so that a large one is not copied chunk by chunk.
  #joined() {
    if (this.#chunks.length > 1) {
      const first = this.#chunks[0];
      if (first.length >= LENGTHS_BYTES) {
        const wanted = LENGTHS_BYTES + first.readUInt32LE(0) + first.readUInt32LE(4);
        if (this.#bytes < wanted && wanted <= LENGTHS_BYTES + MAX_FRAME_BYTES) return first;
      }
      this.#chunks = [Buffer.concat(this.#chunks)];
    }
    return this.#chunks[0];
  }
}

/** @param {string} text */
function parseHeader(text) {
  let header;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new FrameError(`a message's header is not JSON: ${/** @type {Error} */ (error).message}`);
  }
  if (header === null || typeof header !== 'object' || typeof header.t !== 'string') {
    throw new FrameError("a message's header is not an object with a type");
  }
  return header;
}
