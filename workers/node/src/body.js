// The body of a request for the built-in router.

import { MAX_BODY_BYTES } from './limits.js';

/**
 * @param {string} message
 * @param {number} status
 */
function refuse(message, status) {
  return Object.assign(new Error(message), { status });
}

/**
 * Reads a JSON or form body into `req.body`; any other body stays a stream for the handler.
 * @param {any} req
 */
export async function readBody(req) {
  const type = String(req.headers['content-type'] ?? '')
    .split(';')[0]
    .trim()
    .toLowerCase();
  const isJson = type === 'application/json' || type.endsWith('+json');
  const isForm = type === 'application/x-www-form-urlencoded';
  if (!isJson && !isForm) return;
  const text = await readText(req);
  if (isForm) {
    req.body = Object.fromEntries(new URLSearchParams(text));
    return;
  }
  if (text.trim() === '') return;
  try {
    req.body = JSON.parse(text);
  } catch (error) {
    throw refuse(`the body is not JSON: ${/** @type {Error} */ (error).message}`, 400);
  }
}

/** @param {any} req */
async function readText(req) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw refuse(`the body has more than ${MAX_BODY_BYTES} bytes`, 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
