import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../../src/adapters/log-file/event-text.ts';
import { isPlainData, typeOfPlainHead } from '../../../../src/adapters/log-file/plain-shape.ts';
import { EnvelopeHead } from '../../../../src/adapters/log-file/segment-check.ts';
import { type Envelope, subjectKinds } from '../../../../src/domain/envelope.ts';
import { event } from '../../../support/log-events.ts';

const usual: Envelope = {
  ...event(1),
  meta: {
    ...event(1).meta,
    actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' },
  },
};

/** Mostly what is right, or nearly. */
const words = (...some: readonly string[]) =>
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('web', ...some) },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
  );
const number = fc.oneof(
  { weight: 20, arbitrary: fc.integer() },
  { weight: 2, arbitrary: fc.maxSafeInteger() },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 8999999999999999, 2 ** 53 - 1, 2 ** 53, 1e21) },
);
const head = fc.record({
  type: words('task-started'),
  version: fc.oneof({ weight: 1, arbitrary: number }, { weight: 5, arbitrary: fc.constantFrom(1, 2) }),
  subject: words('host', 'container/default/web', 'image/default/a/b', 'container//web'),
  meta: fc.record(
    {
      actor: fc.record({ uid: number, gid: number, pid: number, exe: words(''), client: words('') }),
      time: fc.record({ wall: number, mono: number, boot: words('') }),
      correlation: words('request-1', ''),
      causation: fc.oneof(fc.constantFrom('0', '48211', '-1', ''), words('4')),
      reason: fc.oneof(words('because'), fc.constantFrom('x'.repeat(1024), 'x'.repeat(1025))),
    },
    { requiredKeys: ['actor', 'time', 'correlation'] },
  ),
});

const textOf = (one: unknown): string => batchOf([{ ...(one as Envelope), data: {} }]).texts[0]?.head ?? '';

/** A text with some characters replaced, taken out or put in. */
const spoiled = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      text,
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'"\\{}[]:,/-0129.eE \n\u00ff', ''), fc.nat(2)), {
        maxLength: 2,
      }),
    )
    .map(([given, changes]) =>
      changes.reduce((now, [at, character, length]) => {
        const place = at % (now.length + 1);
        return now.slice(0, place) + character + now.slice(place + length);
      }, given),
    );

/** What a text says when it is parsed and held against the schema. */
const typeBySchema = (text: string): string | undefined => {
  try {
    return EnvelopeHead.parse(JSON.parse(text)).type;
  } catch {
    return undefined;
  }
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** @returns whether the short way had an answer */
const agrees = (text: string): boolean => {
  const type = typeOfPlainHead(text);
  if (type !== undefined) expect(typeBySchema(text)).toBe(type);
  return type !== undefined;
};

const holds = (texts: fc.Arbitrary<string>, numRuns: number): void => {
  let answered = 0;
  const property = fc.property(texts, (text) => {
    if (agrees(text)) answered += 1;
  });
  fc.assert(property, { numRuns });
  expect(answered).toBeGreaterThan(0);
};

describe('a head that is plainly an envelope', () => {
  it('is one by the schema too, whatever stands in it', () => {
    holds(head.map(textOf), 2000);
  });

  it('is one by the schema too, however its text was changed', () => {
    const texts = fc.constantFrom(
      ...subjectKinds.map((kind) => textOf({ ...usual, subject: kind === 'host' ? 'host' : `${kind}/n/i` })),
      textOf({ ...usual, meta: { ...usual.meta, causation: '12', reason: 'why not' } }),
    );
    holds(spoiled(texts), 5000);
  });

  it('is what this program usually writes', () => {
    expect(typeOfPlainHead(textOf(usual))).toBe(usual.type);
  });

  it.each([
    ['an unknown kind of subject', { subject: 'ship/default/web' }],
    ['a version that is none', { version: 0 }],
    ['a number that no double holds', { version: 2 ** 53 }],
    ['a character that JSON escapes', { type: 'a"b' }],
  ])('is not one with %s', (_, changed) => {
    expect(typeOfPlainHead(textOf({ ...usual, ...changed }))).toBeUndefined();
  });
});

describe('data that is plainly JSON', () => {
  const data = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 4 });

  it('is JSON, however its text was changed', () => {
    const seen = { plain: 0 };
    fc.assert(
      fc.property(spoiled(data.map((one) => JSON.stringify(one))), (text) => {
        if (!isPlainData(text)) return;
        seen.plain += 1;
        expect(isJson(text)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(seen.plain).toBeGreaterThan(100);
  });

  it.each(['{}', '{"a":-1,"b":[true,null,{"c":["d"]}]}'])('is seen in %s', (text) => {
    expect(isPlainData(text)).toBe(true);
  });

  it.each(['', '[', '{"a":01}', '{"a":1,}', '{"a":"\n"}', '{"a":"é"}'])('is not seen in %j', (text) => {
    expect(isPlainData(text)).toBe(false);
  });

  it('is not looked for in a long text', () => {
    expect(isPlainData(`{"a":"${'x'.repeat(9000)}"}`)).toBe(false);
  });
});
