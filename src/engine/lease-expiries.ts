import type { Fact } from '../domain/event.ts';
import type { LeaseId, Namespace, Timestamp } from '../domain/identity.ts';
import { findLease, type Leases } from '../domain/leases.ts';
import type { DomainEvent } from '../domain/world.ts';

interface Expiry {
  readonly at: Timestamp;
  readonly namespace: Namespace;
  readonly id: LeaseId;
}

/** Fewer than this are not worth looking through for leases that are gone. */
const fewest = 1024;

/** Which leases end when, so that those whose time has come are found without a look at all the others. */
export class LeaseExpiries {
  /** By time, the latest first; holds leases that are gone, too. */
  #known: Expiry[];
  /** How many are known when those that are gone are thrown out next. */
  #full: number;

  constructor(leases: Leases) {
    this.#known = [...leases.values()]
      .flatMap(({ namespace, id, expiresAt: at }) => (at === undefined ? [] : [{ at, namespace, id }]))
      .sort((a, b) => b.at - a.at);
    this.#full = Math.max(fewest, this.#known.length * 2);
  }

  /** @param leases as they are now */
  take({ type, data }: Fact<DomainEvent>, leases: Leases): void {
    if (type !== 'lease-created' || data.expiresAt === undefined) return;
    const { namespace, id, expiresAt: at } = data;
    this.#known.splice(this.#placeOf(at), 0, { at, namespace, id });
    if (this.#known.length < this.#full) return;
    this.#known = this.#known.filter((one) => findLease(leases, one.namespace, one.id) !== undefined);
    this.#full = Math.max(fewest, this.#known.length * 2);
  }

  /** Those whose time has come; they may be gone already. They are told again until they are {@link settled}. */
  due(now: Timestamp): readonly Expiry[] {
    return this.#known.slice(this.#placeOf(now));
  }

  /** Forgets what was told as due. */
  settled(told: readonly Expiry[]): void {
    const [first] = told;
    if (first === undefined) return;
    const gone = new Set(told);
    const from = this.#placeOf(first.at);
    this.#known = [...this.#known.slice(0, from), ...this.#known.slice(from).filter((one) => !gone.has(one))];
  }

  /** Where the first stands that is due then. */
  #placeOf(time: Timestamp): number {
    let [low, high] = [0, this.#known.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#known[middle]?.at ?? 0) > time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
