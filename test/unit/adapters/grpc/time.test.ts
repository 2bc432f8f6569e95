import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect, type Serving, serving } from './serving.ts';

let served: Serving;
beforeAll(async () => {
  served = await serving();
});
afterAll(async () => served[Symbol.asyncDispose]());

const at = (value: bigint) => ({ moment: { case: 'position' as const, value } });

describe('the time service', () => {
  it('asks what changed, and tells things, fields and the events that did it', async () => {
    const changes = await collect(
      served.client.time.diff({ namespace: 'ci', thing: 'web', from: at(2n), to: at(9n) }),
    );
    expect(served.last('time.diff').input).toEqual({
      from: { position: 2n },
      to: { position: 9n },
      thing: { namespace: 'ci', thing: 'web' },
    });
    expect(changes).toMatchObject([
      {
        ...{ subject: 'container/default/c0ffee', change: 'added' },
        fields: [{ path: 'name', after: '"web"', by: 3n }],
        events: [{ position: 3n }],
      },
      { change: 'changed', fields: [{ before: '"front"', after: '"back"', by: 5n }, { before: '7' }] },
      { change: 'removed', fields: [] },
    ]);
    expect(changes[0]?.fields[0]?.before).toBeUndefined();
    await collect(served.client.time.diff({}));
    expect(served.last('time.diff').input).toEqual({});
  });

  it('asks who set the fields of a thing', async () => {
    const time = { moment: { case: 'timeUs' as const, value: 1_790_000_000_000_000n } };
    const answer = await served.client.time.blame({ thing: 'web', field: 'name', at: time });
    expect(served.last('time.blame').input).toEqual({
      ...{ namespace: 'default', thing: 'web', field: 'name' },
      at: { time: 1_790_000_000_000_000 },
    });
    expect(answer).toMatchObject({
      position: 9n,
      fields: [
        { path: 'name', value: '"web"', by: { position: 3n } },
        { path: 'labels', value: '{}' },
      ],
    });
    expect(answer.fields[1]?.by).toBeUndefined();
    await expect(served.client.time.blame({})).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('asks for causes and effects', async () => {
    const { nodes, note } = await served.client.time.causes({ position: 4n });
    expect(served.last('time.causes').input).toEqual({ position: 4n });
    expect(nodes.map(({ depth, part, left }) => [depth, part, left])).toEqual([
      [0, 'request', 0],
      [1, 'intent', 0],
      [2, 'outcome', 7],
      [1, 'reaction', 0],
    ]);
    expect(note).toBe('only 4 events are shown');
  });

  it('asks when something turned true', async () => {
    const answer = await served.client.time.bisect({ expression: 'true', linear: true, to: at(7n) });
    expect(served.last('time.bisect').input).toEqual({
      ...{ namespace: 'default', expression: 'true', linear: true },
      to: { position: 7n },
    });
    expect(answer).toMatchObject({
      event: { position: 5n },
      before: { position: 5n, holds: false, undecided: 'no such key: web' },
      after: { position: 6n, holds: true, undecided: '' },
      states: 4n,
    });
    await expect(served.client.time.bisect({})).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('asks for events with states, and for one state', async () => {
    const steps = await collect(
      served.client.time.steps({ thing: 'web', from: at(4n), types: ['x'], expression: 'true', limit: 1 }),
    );
    expect(served.last('time.steps').input).toEqual({
      ...{ namespace: 'default', thing: 'web', types: ['x'], expression: 'true', backward: false, limit: 1 },
      from: { position: 4n },
    });
    expect(steps).toMatchObject([
      {
        event: { position: 5n },
        state: { position: 6n, subject: 'container/default/c0ffee' },
        changes: [{ path: 'task.status', before: '"created"', after: '"running"' }],
      },
    ]);
    await collect(served.client.time.steps({ backward: true }));
    expect(served.last('time.steps').input).toEqual({ namespace: 'default', types: [], backward: true });
    expect(await served.client.time.state({ at: at(3n) })).toMatchObject({
      ...{ position: 3n, subject: '', value: '{"containers":1,"running":0}' },
    });
  });
});
