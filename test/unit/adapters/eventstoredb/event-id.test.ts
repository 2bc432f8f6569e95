import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventIdentity, eventIdOf } from '../../../../src/adapters/eventstoredb/event-id.ts';

const identity: EventIdentity = {
  stream: 'shiplog-host1',
  position: 7n,
  type: 'task.started',
  metadata: '{"version":1}',
  data: '{"pid":1}',
};

describe('the id of an event', () => {
  it('is what it was when streams were first written', () => {
    expect(eventIdOf(identity)).toBe('210f7157-76dd-8bf0-aa66-b01555553f37');
  });

  it('is a UUID of version 8', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.json(), (position, data) => {
        expect(eventIdOf({ ...identity, position, data })).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it.each<Partial<EventIdentity>>([
    { stream: 'shiplog-host2' },
    { position: 8n },
    { type: 'task.stopped' },
    { metadata: '{"version":2}' },
    { data: '{"pid":2}' },
  ])('differs with %o', (other) => {
    expect(eventIdOf({ ...identity, ...other })).not.toBe(eventIdOf(identity));
  });
});
