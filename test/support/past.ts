import { createExpressions } from '../../src/adapters/cel/expressions.ts';
import { memoryLog } from '../../src/adapters/log-memory/memory-log.ts';
import type { Fact } from '../../src/domain/event.ts';
import { position } from '../../src/domain/identity.ts';
import { type DomainEvent, definitionOf } from '../../src/domain/world.ts';
import type { Engine } from '../../src/engine/api/engine.ts';
import { timeApi } from '../../src/engine/api/time.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Clock } from '../../src/engine/ports/clock.ts';
import type { TimeApi } from '../../src/engine/ports/time-api.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { wallAt } from './given.ts';

/** The questions about the past of an engine whose log holds these facts, and that can do nothing else. */
export const pastOf = async (facts: readonly Fact<DomainEvent>[]): Promise<TimeApi> => {
  const log = memoryLog();
  if (facts.length > 0) {
    const envelopes = facts.map(({ type, subject, data, meta }) => ({
      ...{ type, subject, data, meta },
      version: definitionOf(type)?.version ?? 1,
    }));
    await log.append(envelopes, position(0n));
  }
  const clock = { now: () => ({ wall: wallAt(facts.length), mono: 0, boot: 'b' }) } as Clock;
  const ledger = await Ledger.open(log, clock);
  const ports = { log, clock, expressions: createExpressions() };
  return timeApi({ ports, ledger, timeline: new Timeline(log, ledger) } as unknown as Engine);
};
