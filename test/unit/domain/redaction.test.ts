import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Subject } from '../../../src/domain/envelope.ts';
import type { EventDefinition } from '../../../src/domain/event.ts';
import { redactData } from '../../../src/domain/redaction.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { definitionOf, eventTables, subjectOf } from '../../../src/domain/world.ts';
import { eventFrom } from '../../support/given.ts';

const eventOf = (type: string, data: unknown) => {
  const event = eventFrom({ type, data } as never);
  return { type, version: definitionOf(type)?.version ?? 1, subject: subjectOf(event), data };
};
const example = (type: string): Record<string, unknown> =>
  structuredClone(definitionOf(type)?.example) as Record<string, unknown>;

const containerWith = (process: object) => {
  const data = example('container-created');
  const config = data.config as { process: object };
  return eventOf('container-created', {
    ...data,
    config: { ...config, process: { ...config.process, ...process } },
  });
};
const created = containerWith({
  args: ['sh', '-c', 'curl -u me:hunter2 https://x'],
  env: ['PATH=/bin', 'PASSWORD=hunter2-hunter2', 'A=b'],
});
const processOf = (found: ReturnType<typeof redactData>) => {
  if (isRejection(found)) throw found;
  return (found.data as { config: { process: { args: string[]; env: string[] } } }).config.process;
};

describe('taking texts out of a payload', () => {
  it('puts a mark in their place', () => {
    const found = redactData(created, ['/config/process/args/2']);
    expect(processOf(found).args).toEqual(['sh', '-c', '[redacted]']);
    expect(processOf(found).env).toEqual(created.data && processOf({ data: created.data, fields: [] }).env);
  });
  it('leaves a variable its name', () => {
    const found = redactData(created, ['config.process.env']);
    expect(processOf(found).env).toEqual(['PATH=[x]', 'PASSWORD=[redacted]', 'A=x']);
  });
  it('takes dotted paths and JSON pointers, and records pointers', () => {
    const labelled = eventOf('namespace-labelled', { namespace: 'team', labels: { 'a/b.c': 'secret' } });
    const found = redactData(labelled, ['/labels/a~1b.c']);
    expect(found).toEqual({
      data: { namespace: 'team', labels: { 'a/b.c': '[x]' } },
      fields: ['/labels/a~1b.c'],
    });
    expect(redactData(labelled, ['labels'])).toMatchObject({ fields: ['/labels'] });
  });
  it('gives the same when done twice', () => {
    const fields = ['/config/process/env', '/config/process/args'];
    const once = redactData(created, fields);
    if (isRejection(once)) throw once;
    expect(redactData({ ...created, data: once.data }, fields)).toEqual(once);
  });
  it.each([
    ['/id', /tells things apart/],
    ['/name', /tells things apart/],
    ['/namespace', /tells things apart/],
    ['/image', /tells things apart/],
    ['/snapshotKey', /tells things apart/],
    ['/nothing', /no such field/],
    ['/config/process/args/9', /no such field/],
    ['/config/process/args/length', /no such field/],
    ['/config/process/terminal', /no text here/],
    ['/config/process/cwd', /redact \/config\/process\/cwd: .* can't be without it/],
  ])('refuses %s', (field, saying) => {
    expect(redactData(created, [field])).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(saying),
    });
  });
  it('refuses labels that hold other things', () => {
    const labels = { 'containerd.io/gc.root': 'yes', note: 'secret words' };
    const labelled = eventOf('namespace-labelled', { namespace: 'team', labels });
    expect(redactData(labelled, ['/labels'])).toMatchObject({ code: 'invalid-argument' });
    expect(redactData(labelled, ['/labels/note'])).toMatchObject({
      data: { labels: { note: '[redacted]' } },
    });
  });
  it('refuses what this version does not know', () => {
    const event = { type: 'cargo-lost', version: 1, subject: Subject.parse('host'), data: { a: 'b' } };
    expect(redactData(event, ['/a'])).toMatchObject({ code: 'failed-precondition' });
    expect(redactData({ ...created, version: 99 }, ['/config/process/args/2'])).toMatchObject({
      code: 'failed-precondition',
    });
  });
});

const definitions = Object.values(eventTables).flatMap((table) => Object.entries<EventDefinition>(table));

describe.each(definitions)('a redacted %s', (type, definition) => {
  const event = eventOf(type, definition.example);
  it.each(Object.keys(definition.example as object))('is still one, about the same thing: %s', (field) => {
    const found = redactData(event, [field]);
    if (isRejection(found)) return expect(found.message).toMatch(/^redact /);
    const data = definition.data.parse(found.data);
    expect(data).toEqual(found.data);
    expect(subjectOf({ type, data } as never)).toBe(event.subject);
    expect(JSON.stringify(found.data).length).toBeLessThanOrEqual(JSON.stringify(event.data).length);
    expect(found.data).not.toEqual(event.data);
  });
});

describe('any text', () => {
  it('leaves data that is no longer than it was, in bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
        const event = eventOf('daemon-stopped', { because: text });
        const found = redactData(event, ['because']);
        if (isRejection(found)) throw found;
        const bytes = (data: unknown) => Buffer.byteLength(JSON.stringify(data));
        expect(bytes(found.data)).toBeLessThanOrEqual(bytes(event.data));
      }),
    );
  });
});
