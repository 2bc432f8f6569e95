import type { Position } from '../domain/identity.ts';
import type { Views } from './views.ts';

/** Views are as large as the state of the host, and those of the past share little with those of now. */
const COUNT = 4;
/** Milliseconds without a question after which they are forgotten. */
const IDLE = 30_000;

/** The views that were asked for last: whoever looks at the past looks around there. */
export class RecentViews {
  /** In the order of their last use. */
  readonly #kept = new Map<Position, Views>();
  #forgetting: NodeJS.Timeout | undefined;

  /** The views at a position. */
  get(at: Position): Views | undefined {
    const views = this.#kept.get(at);
    if (views !== undefined) this.add(views);
    return views;
  }

  /** The nearest below a position and not below another; folding goes on from there. */
  between(low: Position, high: Position): Views | undefined {
    let nearest: Views | undefined;
    for (const [at, views] of this.#kept) {
      if (at > low && at <= high && at >= (nearest?.world.position ?? low)) nearest = views;
    }
    return nearest;
  }

  /** Lets go of those of later positions. */
  forget(above: Position): void {
    for (const at of this.#kept.keys()) if (at > above) this.#kept.delete(at);
  }

  add(views: Views): void {
    this.#kept.delete(views.world.position);
    this.#kept.set(views.world.position, views);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > COUNT && oldest !== undefined) this.#kept.delete(oldest);
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => this.#kept.clear(), IDLE).unref();
  }
}
