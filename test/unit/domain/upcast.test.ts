import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/domain/event.ts';
import { upcast } from '../../../src/domain/upcast.ts';

/** A cargo that was a word at first, then a list, then a list of things with a weight. */
const loaded = defineEvent({
  version: 3,
  order: 'record',
  says: 'Cargo came on board.',
  data: z.object({ cargo: z.array(z.object({ what: z.string(), tons: z.number() })) }),
  example: { cargo: [{ what: 'coal', tons: 3 }] },
  upcasts: [
    (data) => ({ cargo: [z.object({ cargo: z.string() }).parse(data).cargo] }),
    (data) => ({
      cargo: z
        .object({ cargo: z.array(z.string()) })
        .parse(data)
        .cargo.map((what) => ({ what, tons: 0 })),
    }),
  ],
});

describe('an event of an earlier version', () => {
  it.each([
    [1, { cargo: 'coal' }, [{ what: 'coal', tons: 0 }]],
    [
      2,
      { cargo: ['coal', 'tea'] },
      [
        { what: 'coal', tons: 0 },
        { what: 'tea', tons: 0 },
      ],
    ],
    [3, { cargo: [{ what: 'tea', tons: 1 }] }, [{ what: 'tea', tons: 1 }]],
  ])('of version %i comes up to the shape of now', (version, data, cargo) => {
    expect(loaded.data.parse(upcast(loaded, version, data))).toEqual({ cargo });
  });

  it('is left as it was written', () => {
    const data = Object.freeze({ cargo: 'coal' });
    upcast(loaded, 1, data);
    expect(data).toEqual({ cargo: 'coal' });
  });
});
