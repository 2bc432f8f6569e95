import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../../bench/rig/host-history.ts';
import { Metadata, Subject } from '../../../src/domain/envelope.ts';
import { position } from '../../../src/domain/identity.ts';
import { definitionOf } from '../../../src/domain/world.ts';
import { factOf } from '../../../src/engine/ledger.ts';
import { emptyViews, evolveViews, type Views } from '../../../src/engine/views.ts';
import { collectable } from '../../../src/projections/gc.ts';

const told = [...hostHistory(4000, { containers: 20, images: 12 })].flat();

describe('a history of a host for benchmarks', () => {
  it('holds only events that could stand in a log', () => {
    for (const { type, data, subject, meta } of told) {
      expect(definitionOf(type)?.data.safeParse(data).error).toBeUndefined();
      expect(Subject.safeParse(subject).success).toBe(true);
      expect(Metadata.safeParse(meta).success).toBe(true);
    }
  });

  it('keeps as much alive as was asked, and leaves no garbage', () => {
    let views: Views = emptyViews;
    told.forEach((event, at) => {
      views = evolveViews(views, factOf({ ...event, position: position(BigInt(at)) }));
    });
    expect(views.world.container.byId.size).toBeGreaterThanOrEqual(19);
    expect(views.world.container.byId.size).toBeLessThanOrEqual(20);
    expect(views.world.task.size).toBe(views.world.container.byId.size);
    expect(views.world.image.size).toBeLessThanOrEqual(14);
    expect(views.world.lease.size).toBe(0);
    expect(views.world.content.ingests.size).toBe(0);
    expect(collectable(views.references)).toEqual([]);
  });

  it('tells of every kind of actor and of causes before their effects', () => {
    expect(new Set(told.map(({ meta }) => meta.actor.client)).size).toBeGreaterThanOrEqual(3);
    for (const [at, { meta }] of told.entries()) {
      expect(Number(meta.causation ?? -1)).toBeLessThan(at);
    }
  });

  it('is the beginning of a longer one', () => {
    const longer = [...hostHistory(1000, { containers: 20, images: 12 })].flat();
    expect(told.slice(0, longer.length)).toEqual(longer);
  });
});
