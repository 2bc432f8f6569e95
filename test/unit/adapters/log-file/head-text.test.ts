import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../../src/adapters/log-file/event-text.ts';
import { headOf } from '../../../../src/adapters/log-file/head-text.ts';
import type { Envelope } from '../../../../src/domain/envelope.ts';

/** Words that hold what the text of a head is divided by. */
const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '',
    '}',
    '","meta":{"actor":',
    '},"time":{"wall":',
    ',"mono":',
    '"}}',
    '\\',
    'web/ü',
    '\u0000',
  ),
);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e21, 9007199254740991, 9007199254740992, 1_780_000_000_000_000),
);
const envelope = fc
  .record({
    type: word,
    version: number,
    subject: word,
    meta: fc.record(
      {
        actor: fc.record({ uid: number, gid: number, pid: number, exe: word, client: word }),
        time: fc.record({ wall: number, mono: number, boot: word }),
        correlation: word,
        causation: word,
        reason: word,
      },
      { requiredKeys: ['actor', 'time', 'correlation'] },
    ),
  })
  .map((head) => ({ ...head, data: {} }) as unknown as Envelope);

const textOf = (event: Envelope): string => batchOf([event]).texts[0]?.head ?? '';

describe('the head of an event read back', () => {
  it('is what JSON says it is, whatever stands in it', () => {
    fc.assert(
      fc.property(envelope, (event) => {
        const text = textOf(event);
        expect(headOf(text)).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  const usual = JSON.stringify({
    type: 'task-started',
    version: 1,
    subject: 'container/default/3f2a9c1be07d',
    meta: {
      actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' },
      time: { wall: 1_763_695_753_000_000, mono: 981_231_123, boot: '5f0c5c0e-5f7e-4a7e' },
      correlation: '01jd8kq3v5w9x7y2z4a6b8c0d1',
      causation: '48211',
    },
  });

  it('shares what is the same from one event to the next', () => {
    const [one, other] = [headOf(usual), headOf(usual.replace('48211', '48212'))];
    expect(other.meta.actor).toBe(one.meta.actor);
    expect(other.meta.causation).toBe('48212');
  });

  it.each([
    ['another order of fields', usual.replace(/"wall":(\d+),"mono":(\d+)/, '"mono":$2,"wall":$1')],
    ['another field', usual.replace('"causation":"48211"', '"causation":"48211","later":"field"')],
    ['a field of the time', usual.replace(',"boot"', ',"drift":3,"boot"')],
    ['spaces', JSON.stringify(JSON.parse(usual), undefined, 1)],
    ['a number with an exponent', usual.replace('981231123', '9e8')],
    ['a name with an escape', usual.replace('task-started', 'task-st\\u0061rted')],
  ])('is what JSON says it is with %s', (_, text) => {
    expect(headOf(text)).toStrictEqual(JSON.parse(text));
  });

  it('is refused where it is cut', () => {
    for (let end = 0; end < usual.length; end += 1)
      expect(() => headOf(usual.slice(0, end))).toThrow(SyntaxError);
  });
});
