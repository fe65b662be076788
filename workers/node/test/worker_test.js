// A test with a worker that never outlives it.

import { test } from 'node:test';

import { ParDouble } from './par_double.js';

/** @type {(name: string, files: Record<string, string>, run: (par: ParDouble) => Promise<void>) => void} */
export function workerTest(name, files, run) {
  test(name, { timeout: 90_000 }, async () => {
    const par = new ParDouble(files);
    try {
      await run(par);
    } finally {
      await par.close();
    }
  });
}
