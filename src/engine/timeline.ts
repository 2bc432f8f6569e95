import type { Timestamp } from '../domain/identity.ts';
import { type Position, position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { factOf, type Ledger } from './ledger.ts';
import type { At } from './ports/at.ts';
import type { Log } from './ports/log.ts';
import { emptyViews, evolveViews, type Views } from './views.ts';

/** The views as they were at any position. Nothing here touches the world. */
export class Timeline {
  readonly #log: Log;
  readonly #ledger: Ledger;

  constructor(log: Log, ledger: Ledger) {
    this.#log = log;
    this.#ledger = ledger;
  }

  /**
   * The views at a moment; those of now when none is given.
   * @throws Rejection `invalid-argument` for a position to come, `failed-precondition` for one below the horizon
   */
  async at(at?: At): Promise<Views> {
    return at === undefined ? this.#ledger.durable : this.viewsAt(await this.positionOf(at));
  }

  /** The position that a moment means. @throws as {@link at} */
  async positionOf(at: At): Promise<Position> {
    return 'position' in at ? at.position : this.#positionAt(at.time);
  }

  /** The views after all events below a position. @throws as {@link at} */
  async viewsAt(at: Position): Promise<Views> {
    const { durable } = this.#ledger;
    const now = durable.world.position;
    if (at === now) return durable;
    if (at > now) {
      throw new Rejection('invalid-argument', `position ${at} is to come: the log ends at ${now}`);
    }
    let views = emptyViews;
    for await (const batch of this.#log.read({ to: at })) {
      for (const recorded of batch) views = evolveViews(views, factOf(recorded));
    }
    return views;
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
