import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  FrameDecoder,
  frameHeaderBytes,
  frameLimitBytes,
  frameTypes,
} from '../../../../src/adapters/ttrpc/frame.ts';

const frames = fc.array(
  fc.record({
    stream: fc.integer({ min: 0, max: 0xffff_ffff }),
    type: fc.constantFrom(frameTypes.request, frameTypes.response),
    payload: fc.uint8Array({ maxLength: 200 }),
  }),
  { maxLength: 8 },
);

describe('ttrpc framing', () => {
  it('lays the header out as length, stream, type, flags in big endian', () => {
    const frame = encodeFrame(3, frameTypes.request, Buffer.from('hi'));
    expect(frame.toString('hex')).toBe('00000002' + '00000003' + '01' + '00' + '6869');
  });
  it('gives back what went in, however the bytes arrive', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(
          sent.map((frame) => encodeFrame(frame.stream, frame.type, frame.payload)),
        );
        const decoder = new FrameDecoder();
        const got = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          got.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(
          got.map(({ stream, type, payload }) => ({ stream, type, payload: Buffer.from(payload) })),
        ).toEqual(sent.map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) })));
      }),
    );
  });
  it('refuses a message over 4 MiB, sent or announced', () => {
    expect(() => encodeFrame(1, frameTypes.request, new Uint8Array(frameLimitBytes + 1))).toThrow(RangeError);
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUInt32BE(frameLimitBytes + 1, 0);
    expect(() => new FrameDecoder().push(header)).toThrow(/announces 4194305 bytes/);
  });
});
