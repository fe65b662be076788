// Why an agent could not be loaded, in the words that `par` reports.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { MAX_EVIDENCE_CHARS, MAX_EVIDENCE_LINES } from './limits.js';

export const MISSING_MODULE = 'missing_module';
export const HANDLER_MISSING = 'handler_missing';
export const HANDLER_ERROR = 'handler_error';
export const WRONG_ARCHITECTURE = 'wrong_architecture';
export const WRONG_RUNTIME = 'wrong_runtime';

const SHIM_DIR = path.dirname(fileURLToPath(import.meta.url));
const FOREIGN_BINARY =
  /wrong elf class|invalid elf header|exec format error|incompatible architecture/i;
const OTHER_NODE = /compiled against a different node\.?js version/i;

/** A surface of the agent cannot be served: typed cause, one sentence, evidence lines. */
export class LoadError extends Error {
  /**
   * @param {string} cause
   * @param {string} message
   * @param {string[]} evidence
   * @param {string} remedy one sentence; empty = the usual one of the cause
   */
  constructor(cause, message, evidence = [], remedy = '') {
    super(message);
    this.kind = cause;
    this.evidence = evidence
      .map((line) => line.slice(0, MAX_EVIDENCE_CHARS))
      .slice(-MAX_EVIDENCE_LINES);
    this.remedy = remedy;
  }
}

/**
 * The last line of what an error says of itself.
 * @param {unknown} error
 */
export function describe(error) {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  return `${error.name}: ${error.message.split('\n')[0]}`;
}

/**
 * The lines of a stack in the agent's own code, or else the first of other people's, and the error.
 * @param {unknown} error
 * @param {string} root
 * @returns {string[]}
 */
export function evidenceOf(error, root) {
  if (!(error instanceof Error)) return [describe(error)];
  const lines = String(error.stack ?? '')
    .split('\n')
    .map((line) => line.trimEnd());
  const isFrame = (/** @type {string} */ line) => /^\s+at /.test(line);
  const frames = lines.filter(
    (line) => isFrame(line) && !line.includes(SHIM_DIR) && !/\(?node:internal/.test(line),
  );
  const own = frames.filter((line) => line.includes(root) && !line.includes('node_modules'));
  const text = lines.filter((line) => line && !isFrame(line));
  const shown = (own.length > 0 ? own : frames.slice(0, 3)).map((line) =>
    line.trim().replaceAll(`file://${root}/`, '').replaceAll(`${root}/`, ''),
  );
  return [...shown.reverse(), ...text.map((line) => line.replaceAll(`${root}/`, ''))];
}

/**
 * The typed failure for what the agent's code threw while `doing` something.
 * @param {any} error
 * @param {string} doing
 * @param {string} root
 * @returns {LoadError}
 */
export function fromError(error, doing, root) {
  if (error instanceof LoadError) return error;
  const evidence = evidenceOf(error, root);
  const text = String(error?.message ?? error);
  if (error?.code === 'ERR_DLOPEN_FAILED' || FOREIGN_BINARY.test(text) || OTHER_NODE.test(text)) {
    const cause = OTHER_NODE.test(text)
      ? WRONG_RUNTIME
      : FOREIGN_BINARY.test(text)
        ? WRONG_ARCHITECTURE
        : HANDLER_ERROR;
    return new LoadError(cause, `${doing}: ${describe(error)}`, evidence);
  }
  if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
    const name = /['"]([^'"]+)['"]/.exec(text)?.[1] ?? '?';
    return new LoadError(
      MISSING_MODULE,
      `${doing}: there is no module '${name.replace(`${root}/`, '')}'`,
      evidence,
      'Add the module to package.json and its lock, or to the package.',
    );
  }
  return new LoadError(HANDLER_ERROR, `${doing}: ${describe(error)}`, evidence);
}
