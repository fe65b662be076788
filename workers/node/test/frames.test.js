import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FrameDecoder, FrameError, encodeFrame } from '../src/frames.js';

test('frames survive any cut', () => {
  const bytes = Buffer.concat([
    encodeFrame({ t: 'a', text: 'ä'.repeat(50) }),
    encodeFrame({ t: 'b' }),
  ]);
  for (const size of [1, 3, 7, 8, 9, 60, bytes.length]) {
    const decoder = new FrameDecoder();
    const got = [];
    for (let at = 0; at < bytes.length; at += size)
      got.push(...decoder.feed(bytes.subarray(at, at + size)));
    assert.deepEqual(
      got.map((frame) => frame.t),
      ['a', 'b'],
      `cut every ${size} bytes`,
    );
    assert.equal(got[0].text, 'ä'.repeat(50));
  }
});

test('what is no frame is refused', () => {
  const huge = Buffer.alloc(8);
  huge.writeUInt32LE(17 * 1024 * 1024, 0);
  assert.throws(() => new FrameDecoder().feed(huge), FrameError);
  const text = Buffer.from('nope');
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(text.length, 0);
  assert.throws(() => new FrameDecoder().feed(Buffer.concat([lengths, text])), FrameError);
  assert.throws(
    () => new FrameDecoder().feed(Buffer.concat([lengths, Buffer.from('"ab"')])),
    FrameError,
  );
  assert.throws(() => encodeFrame({ t: 'x', big: 'x'.repeat(16 * 1024 * 1024) }), FrameError);
});
