import type { Fact } from '../domain/event.ts';
import type { Timestamp } from '../domain/identity.ts';
import { type Position, position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import type { DomainEvent } from '../domain/world.ts';
import { fold, slicesOf } from './fold.ts';
import type { Ledger } from './ledger.ts';
import type { At } from './ports/at.ts';
import type { Log } from './ports/log.ts';
import { RecentViews } from './recent-views.ts';
import type { SavedViews } from './saved-views.ts';
import { emptyViews, evolveViews, type Views } from './views.ts';

/** An event and what it made of the views. */
export interface Passed {
  readonly fact: Fact<DomainEvent>;
  /** After the event. */
  readonly views: Views;
}

/** Views of one position on their way to all who asked for them. */
interface Work {
  readonly views: Promise<Views>;
  readonly stop: AbortController;
  waiting: number;
}

/** Positions that are folded to at once; who asks for more is told to wait. */
const MOST = 16;

/**
 * The views as they were at any position: from the nearest saved ones below it. Nothing here touches the world, and
 * nobody waits long for a fold that is under way.
 */
export class Timeline {
  readonly #log: Log;
  readonly #ledger: Ledger;
  readonly #saved: SavedViews | undefined;
  readonly #recent = new RecentViews();
  readonly #under = new Map<Position, Work>();
  /** Counts the times that events changed behind what is being folded. */
  #changes = 0;

  /** @param saved what makes it quick; without it every question folds from the first event */
  constructor(log: Log, ledger: Ledger, saved?: SavedViews) {
    this.#log = log;
    this.#ledger = ledger;
    this.#saved = saved;
  }

  /**
   * The views at a moment; those of now when none is given.
   * @throws Rejection `invalid-argument` for a position to come, `failed-precondition` for one below the horizon,
   *   `resource-exhausted` where too much is asked at once, `data-loss`; the signal's reason
   */
  async at(at?: At, signal?: AbortSignal): Promise<Views> {
    return at === undefined ? this.#ledger.durable : this.viewsAt(await this.positionOf(at), signal);
  }

  /** The position that a moment means. @throws as {@link at} */
  async positionOf(at: At): Promise<Position> {
    return 'position' in at ? at.position : this.#positionAt(at.time);
  }

  /** The views after all events below a position. @throws as {@link at} */
  async viewsAt(at: Position, signal?: AbortSignal): Promise<Views> {
    signal?.throwIfAborted();
    const { durable } = this.#ledger;
    if (at === durable.world.position) return durable;
    this.#check(at);
    return this.#recent.get(at) ?? this.#share(at, signal);
  }

  /**
   * Events from a position to another, exclusive, each with the views after it.
   * @throws as {@link at}
   */
  async *walk(from: Position, to: Position, signal?: AbortSignal): AsyncGenerator<Passed, void> {
    this.#check(to);
    let views = await this.viewsAt(from, signal);
    for await (const facts of slicesOf(this.#log, { from, to, ...(signal ? { signal } : {}) })) {
      for (const fact of facts) {
        views = evolveViews(views, fact);
        yield { fact, views };
      }
    }
  }

  /** Keeps no views of later positions: what they were folded from has changed. */
  forget(above: Position): void {
    this.#changes += 1;
    this.#under.clear();
    this.#recent.forget(above);
  }

  /** The views at a position folded anew from the log's beginning, whatever was saved; for comparing. @throws as {@link at} */
  async refolded(to: Position, signal?: AbortSignal): Promise<Views> {
    this.#check(to);
    let views = (await this.#saved?.below(this.#log.horizon)) ?? emptyViews;
    for await (const next of fold(this.#log, { from: views, to, ...(signal ? { signal } : {}) }))
      views = next;
    return views;
  }

  #check(at: Position): void {
    const { horizon } = this.#log;
    const now = this.#ledger.durable.world.position;
    if (at > now)
      throw new Rejection('invalid-argument', `position ${at} is to come: the log ends at ${now}`);
    if (at < horizon) {
      throw new Rejection(
        'failed-precondition',
        `position ${at} was pruned: the log begins at ${horizon}; ask for that or later`,
      );
    }
  }

  /** Joins the fold to a position that is under way, or begins one; it stops when nobody waits for it any more. */
  async #share(at: Position, signal: AbortSignal | undefined): Promise<Views> {
    const work = this.#under.get(at) ?? this.#begin(at);
    work.waiting += 1;
    try {
      return await unless(signal, work.views);
    } finally {
      work.waiting -= 1;
      if (work.waiting === 0) {
        if (this.#under.get(at) === work) this.#under.delete(at);
        work.stop.abort();
      }
    }
  }

  #begin(at: Position): Work {
    if (this.#under.size >= MOST) {
      throw new Rejection(
        'resource-exhausted',
        `${MOST} other positions of the past are being looked up; try again when one of them is there`,
      );
    }
    const stop = new AbortController();
    const work = { views: this.#foldTo(at, stop.signal), stop, waiting: 0 };
    this.#under.set(at, work);
    return work;
  }

  async #foldTo(at: Position, signal: AbortSignal): Promise<Views> {
    const changes = this.#changes;
    let views = await this.#nearest(at);
    const every = this.#saved?.every ?? Number.POSITIVE_INFINITY;
    for await (const next of fold(this.#log, { from: views, to: at, signal, every })) {
      views = next;
      if (changes === this.#changes) this.#saved?.fill(views);
    }
    if (changes === this.#changes) this.#recent.add(views);
    return views;
  }

  async #nearest(at: Position): Promise<Views> {
    const kept = this.#saved?.nearestPosition(at) ?? position(0n);
    return this.#recent.between(kept, at) ?? (await this.#saved?.below(at)) ?? emptyViews;
  }

  /** How many events had been recorded at a time, by halving: wall clocks are taken to go forward. */
  async #positionAt(time: Timestamp): Promise<Position> {
    let low: bigint = this.#log.horizon;
    let high: bigint = this.#ledger.durable.world.position;
    while (low < high) {
      const middle = (low + high) / 2n;
      if ((await this.#wallOf(position(middle))) <= time) low = middle + 1n;
      else high = middle;
    }
    return position(low);
  }

  async #wallOf(at: Position): Promise<Timestamp> {
    for await (const [event] of this.#log.read({ from: at, to: position(at + 1n) })) {
      if (event !== undefined) return event.meta.time.wall;
    }
    throw new Rejection('internal', `position ${at} is durable and can't be read`);
  }
}

/** What a promise gives, unless the signal comes first. @throws the signal's reason */
const unless = async <T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> => {
  if (signal === undefined) return promise;
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
};
