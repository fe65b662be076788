// Finds the files and objects that a manifest names as `module:function`.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { HANDLER_MISSING, LoadError, MISSING_MODULE, fromError } from './failures.js';

const EXTENSIONS = ['.js', '.mjs', '.cjs'];

/**
 * `module:function` in two parts; the second is empty without a colon.
 * @param {string} entry
 * @returns {[string, string]}
 */
export function splitEntry(entry) {
  const at = entry.indexOf(':');
  return at < 0 ? [entry.trim(), ''] : [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
}

/** @param {string} file */
function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * The file of a module named by path ("dist/rest/index.js", "dist/rest") or with dots
 * ("dist.rest"). `copies` are folders where the builders put a copy of it.
 * @param {string} name
 * @param {string} surface
 * @param {string} root
 * @returns {string}
 */
export function findFile(name, surface, root) {
  const dotted = name.replaceAll('.', '/');
  const last = path.basename(EXTENSIONS.includes(path.extname(name)) ? name : dotted);
  // The builders pack few folders, but always the file an entry names.
  const names = [name, dotted, last, `dist/${surface.split('.')[0]}/${last}`];
  const looked = [];
  for (const candidate of new Set(names)) {
    const base = path.resolve(root, candidate);
    const files = [
      ...(EXTENSIONS.includes(path.extname(base)) ? [base] : []),
      ...EXTENSIONS.map((extension) => base + extension),
      ...EXTENSIONS.map((extension) => path.join(base, `index${extension}`)),
    ];
    const found = files.find(isFile);
    if (found) return found;
    looked.push(path.relative(root, base));
  }
  throw new LoadError(
    MISSING_MODULE,
    `there is no module named '${name}', which ${surface} names`,
    [
      `${surface}: ${name}`,
      `looked for: ${looked.join(', ')} (.js, .mjs, .cjs, or a folder with index.js)`,
    ],
    'Put the file into the package, or correct its name in agent.yaml.',
  );
}

/**
 * Imports a file of the agent; LoadError with the precise cause when it cannot be.
 * @param {string} file
 * @param {string} surface
 * @param {string} root
 * @returns {Promise<any>} its namespace
 */
export async function importFile(file, surface, root) {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    throw fromError(error, `importing '${path.relative(root, file)}' for ${surface}`, root);
  }
}

/**
 * What a module exports under a name, also when it is CommonJS; undefined when it does not.
 * @param {any} namespace
 * @param {string} name may be dotted
 */
export function exported(namespace, name) {
  let found = namespace;
  for (const [index, part] of name.split('.').entries()) {
    const inner = index === 0 ? (found?.[part] ?? found?.default?.[part]) : found?.[part];
    if (inner === undefined) return undefined;
    found = inner;
  }
  return found;
}

/**
 * The object an entry names; without a colon the first of `defaults` that the module exports.
 * @param {string} entry
 * @param {string[]} defaults
 * @param {string} surface
 * @param {string} root
 */
export async function loadObject(entry, defaults, surface, root) {
  const [name, wanted] = splitEntry(entry);
  const file = findFile(name, surface, root);
  const namespace = await importFile(file, surface, root);
  const names = wanted ? [wanted] : defaults;
  for (const each of names) {
    const found = exported(namespace, each);
    if (found !== undefined) return found;
  }
  const own = Object.keys(namespace.default ?? {}).concat(Object.keys(namespace));
  throw new LoadError(
    HANDLER_MISSING,
    `module '${name}' exports no '${names.join("' or '")}', which ${surface} names`,
    [
      `${surface}: ${entry}`,
      `file: ${path.relative(root, file)}`,
      `it exports: ${[...new Set(own)].filter((each) => each !== 'default').join(', ') || 'nothing by name'}`,
    ],
  );
}

/**
 * Calls a function of the agent and waits for its result.
 * @param {Function} callable
 * @param {unknown[]} args
 * @param {string} doing
 * @param {string} root
 */
export async function callAgent(callable, args, doing, root) {
  try {
    return await callable(...args);
  } catch (error) {
    throw fromError(error, doing, root);
  }
}

/**
 * A module from the agent's own environment; undefined when it has none of that name.
 * @param {string} name
 * @param {string} root
 */
export function requireFromAgent(name, root) {
  const require = createRequire(path.join(root, 'package.json'));
  let file;
  try {
    file = require.resolve(name);
  } catch {
    return undefined; // not installed: the caller has something in its place
  }
  try {
    return require(file);
  } catch (error) {
    throw fromError(error, `loading '${name}'`, root);
  }
}
