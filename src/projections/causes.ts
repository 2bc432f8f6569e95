import type { Fact } from '../domain/event.ts';
import { type DomainEvent, definitionOf } from '../domain/world.ts';

/** What an event is in a chain of causes: what was asked of the host, what came of it, or what it led to. */
export type Part = 'request' | 'intent' | 'outcome' | 'making' | 'removing' | 'record' | 'reaction';

/** An event in a tree of causes. */
export interface Cause {
  readonly fact: Fact<DomainEvent>;
  /** How many events lie between it and the root. */
  readonly depth: number;
  readonly part: Part;
  /** How many effects of it are not in the tree. */
  readonly left: number;
}

const parentOf = ({ meta }: Fact<DomainEvent>): bigint | undefined =>
  meta.causation === undefined ? undefined : BigInt(meta.causation);

/** Somebody else goes on from here: the daemon, where a client had asked. */
const isReaction = (fact: Fact<DomainEvent>, parent: Fact<DomainEvent>): boolean =>
  fact.meta.actor.pid !== parent.meta.actor.pid || fact.meta.actor.client !== parent.meta.actor.client;

const partOf = (fact: Fact<DomainEvent>, parent: Fact<DomainEvent> | undefined): Part => {
  if (parent === undefined) return 'request';
  return isReaction(fact, parent) ? 'reaction' : (definitionOf(fact.type)?.order ?? 'record');
};

/**
 * Events as the tree of what led to what, roots first, each directly above its effects, in the order of the log.
 * @param facts events, in any order; one whose cause is not among them is a root
 * @param width effects that are shown of one event at most
 */
export const causesOf = (facts: Iterable<Fact<DomainEvent>>, width: number): readonly Cause[] => {
  const known = new Map([...facts].map((fact) => [fact.position as bigint, fact]));
  const inOrder = [...known.values()].sort((one, other) => (one.position < other.position ? -1 : 1));
  const effects = new Map<bigint | undefined, Fact<DomainEvent>[]>();
  for (const fact of inOrder) {
    const parent = parentOf(fact);
    const under = parent !== undefined && known.has(parent) ? parent : undefined;
    effects.set(under, [...(effects.get(under) ?? []), fact]);
  }
  const tree: Cause[] = [];
  // A stack of our own, since a chain may be longer than the engine's stack is deep.
  const waiting = (effects.get(undefined) ?? []).map((fact) => ({ fact, depth: 0 })).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { fact, depth } = next;
    const own = effects.get(fact.position) ?? [];
    const parent = parentOf(fact);
    const left = Math.max(0, own.length - width);
    tree.push({
      fact,
      depth,
      part: partOf(fact, parent === undefined ? undefined : known.get(parent)),
      left,
    });
    for (const effect of own.slice(0, width).reverse()) waiting.push({ fact: effect, depth: depth + 1 });
  }
  return tree;
};
