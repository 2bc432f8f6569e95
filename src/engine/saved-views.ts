import type { Observable } from 'rxjs';
import type { Recorded } from '../domain/envelope.ts';
import { type Position, position } from '../domain/identity.ts';
import { asRejection, Rejection } from '../domain/rejection.ts';
import { type Retention, superfluous } from './checkpoint-retention.ts';
import { fold } from './fold.ts';
import type { Checkpoints } from './ports/checkpoints.ts';
import type { Clock } from './ports/clock.ts';
import type { Log } from './ports/log.ts';
import type { Logger } from './ports/logger.ts';
import { emptyViews, type Views } from './views.ts';
import { encodeViews, entriesOf, shapeOf, ViewsDecoder, viewsSchema } from './views-codec.ts';

/** What moves on while events are recorded. */
export interface Moving {
  readonly durable: Views;
  readonly recorded: Observable<unknown>;
}

export interface SavedViewsOptions {
  /** Events from one checkpoint to the next; 0 saves none. */
  readonly every: number;
  /** Bytes that all of them may take. */
  readonly maxBytes: number;
}

/** Part of `every` that it doesn't pay to save for at a start or stop. */
const WORTH = 0.1;
/** Part of `every` after which it looks again whether to save: what is kept is a list to be made and sorted. */
const LOOK = 0.01;
/** A long fold saves once it has gone on for so many times as long as saving is going to take. */
const SHARE = 10;

/**
 * The views at some positions of a log, kept so that nothing has to be folded from the first event. Whatever does not
 * fit this log and this program is told of, removed, and folded again.
 */
export class SavedViews {
  readonly #log: Log;
  readonly #store: Checkpoints;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: SavedViewsOptions;
  #saving: Promise<void> | undefined;
  /** Whether somebody waits for what is being saved. */
  #awaited = false;
  #watch: { unsubscribe(): void } | undefined;
  /** Where the log is about to begin. */
  #kept: Position | undefined;

  constructor(log: Log, store: Checkpoints, clock: Clock, logger: Logger, options: SavedViewsOptions) {
    this.#log = log;
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#options = options;
  }

  /**
   * The views of now: the newest checkpoint that can be used, and what came after it. A long fold saves on its way, for a
   * tenth of its time at most after the first: what a state takes to save grows with what the host holds.
   * @throws Rejection `data-loss` as {@link below}
   */
  async restore(): Promise<Views> {
    const started = this.#clock.now().mono;
    const { durable } = this.#log;
    for (const { position: at } of this.#store.list()) {
      if (at > durable) await this.#discard(at, beyond(durable));
    }
    const from = await this.below(durable);
    let views = from;
    const loaded = this.#clock.now().mono;
    // The first from the beginning is saved at once: what that takes is known then.
    const took = from.world.position === 0n ? 0 : loaded - started;
    let saved = { entries: entriesOf(from), since: loaded, took };
    for await (const next of fold(this.#log, { from, to: durable, every: this.every })) {
      views = next;
      // The last is saved once the daemon is there: see `started`.
      if (next.world.position === durable || !this.#isDue(next)) continue;
      const before = this.#clock.now().mono;
      const entries = entriesOf(next);
      // What saving took last, or loading, and the state may have grown since.
      const takes = (saved.took * entries) / saved.entries;
      if (before - saved.since < takes * SHARE) continue;
      await this.save(next);
      const since = this.#clock.now().mono;
      saved = { entries, since, took: since - before };
    }
    const events = Number(durable - from.world.position);
    const ms = Math.round((this.#clock.now().mono - started) / 1000);
    this.#logger.info('the state was restored', { checkpoint: String(from.world.position), events, ms });
    return views;
  }

  /**
   * The views to fold from for a position: those of the nearest checkpoint at or below it, else of the log's beginning.
   * @throws Rejection `data-loss` where the beginning was pruned and no checkpoint can stand for it
   */
  async below(at: Position): Promise<Views> {
    const { horizon } = this.#log;
    for (const { position: kept } of [...this.#store.list()].reverse()) {
      if (kept > at || kept < horizon) continue;
      const views = await this.#load(kept);
      if (views !== undefined) return views;
    }
    if (horizon === 0n) return emptyViews;
    throw new Rejection(
      'data-loss',
      `the log begins at position ${horizon}, and no checkpoint from there up to position ${at} can be used; put back the checkpoint of position ${horizon}, or the archived segments before it`,
    );
  }

  /** Events from one checkpoint to the next; without end where none are saved. */
  get every(): number {
    return this.#options.every === 0 ? Number.POSITIVE_INFINITY : this.#options.every;
  }

  /** Position of the checkpoint that {@link below} would try first; undefined where it would begin with the log. */
  nearestPosition(at: Position): Position | undefined {
    return this.#store.list().findLast(({ position: kept }) => kept <= at)?.position;
  }

  /** Saves whenever enough has happened. */
  follow(ledger: Moving): void {
    const stride = BigInt(Math.max(1, Math.floor(this.#options.every * LOOK)));
    let next = 0n;
    this.#watch = ledger.recorded.subscribe(() => {
      const at = ledger.durable.world.position;
      if (at < next) return;
      next = at + stride;
      this.offer(ledger.durable);
    });
  }

  /** Saves the views in the background, where none near below are kept and nothing else is being saved. */
  offer(views: Views, gap: number = this.#options.every): void {
    if (this.#saving !== undefined || !this.#isDue(views, gap)) return;
    this.#saving = this.save(views, () => !this.#awaited).finally(() => {
      this.#saving = undefined;
      this.#awaited = false;
    });
  }

  /** Fills a gap that a look at the past came through, where there is room for it. */
  fill(views: Views): void {
    const kept = this.#store.list();
    const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
    const most = Math.max(0, ...kept.map(({ bytes }) => bytes));
    if (total + most <= this.#options.maxBytes) this.offer(views);
  }

  /** Saves after a long start. */
  started(views: Views): void {
    this.offer(views, this.#options.every * WORTH);
  }

  /** Finishes what is being saved, and saves the last views where the next start would have much to fold. */
  async close(views: Views): Promise<void> {
    this.#watch?.unsubscribe();
    await this.#settled();
    if (this.#isDue(views, this.#options.every * WORTH)) await this.save(views);
  }

  /** Waits for what is being saved, which rests no more. */
  async #settled(): Promise<void> {
    this.#awaited = this.#saving !== undefined;
    await this.#saving;
  }

  /**
   * Saves the views; a failure is told and changes nothing, since the log has all that is in them.
   * @param rests as of {@link Checkpoints.save}
   */
  async save(views: Views, rests?: () => boolean): Promise<void> {
    const { position: at } = views.world;
    try {
      const last = await this.#lastBefore(at);
      await this.#store.save({ position: at, schema: viewsSchema, last }, encodeViews(views), rests);
      for (const gone of superfluous(this.#store.list(), this.#retention)) {
        await this.#store.remove(gone);
      }
    } catch (error) {
      this.#logger.warn('a checkpoint of the state was not saved', { position: String(at), error });
    }
  }

  /**
   * Saves the views of a position where the log is to begin, and never lets go of them.
   * @throws Rejection `resource-exhausted` (disk full), `unavailable` (I/O error), `internal` where they can't be read back
   */
  async keep(views: Views): Promise<void> {
    const { position: at } = views.world;
    this.#kept = at;
    const last = await this.#lastBefore(at);
    await this.#store.save({ position: at, schema: viewsSchema, last }, encodeViews(views));
    if ((await this.#load(at)) !== undefined) return;
    throw new Rejection('internal', `the checkpoint of position ${at} was saved and can't be read back`);
  }

  /** Forgets the views of later positions, also those being saved: what they were folded from has changed. */
  async forget(above: Position): Promise<void> {
    await this.#settled();
    for (const { position: at } of [...this.#store.list()]) if (at > above) await this.#store.remove(at);
  }

  #isDue(views: Views, gap: number = this.#options.every): boolean {
    if (this.#options.every === 0) return false;
    const at = views.world.position;
    return Number(at - (this.nearestPosition(at) ?? this.#log.horizon)) >= Math.max(1, gap);
  }

  async #load(at: Position): Promise<Views | undefined> {
    try {
      const { header, lines } = await this.#store.open(at);
      const shape = shapeOf(header.schema);
      // What can be folded again is; only where nothing can make it again is another version's brought up to date.
      if (shape === undefined || (header.schema !== viewsSchema && at !== this.#lowest)) {
        throw new Rejection('failed-precondition', otherSchema);
      }
      // Nothing before the horizon can be read; a log with that horizon was pruned behind this checkpoint.
      if (at > this.#log.horizon && header.last !== (await this.#lastBefore(at))) {
        throw new Rejection('failed-precondition', otherLog);
      }
      const decoder = new ViewsDecoder(shape);
      for await (const batch of lines) for (const line of batch) decoder.take(line);
      const views = decoder.views();
      if (views.world.position !== at) throw new Rejection('data-loss', `it holds another position`);
      return views;
    } catch (error) {
      await this.#discard(at, asRejection(error).message);
      return undefined;
    }
  }

  /** Lets go of what can't be used; but what nothing can make again is kept for a person to look at. */
  async #discard(at: Position, because: string): Promise<void> {
    const last = at === this.#lowest;
    const consequence = last ? 'it is left as it is' : 'it was removed';
    this.#logger.warn(`a checkpoint of the state can't be used: ${because}; ${consequence}`, {
      position: String(at),
    });
    if (!last) await this.#store.remove(at);
  }

  /** The checkpoint that nothing can make again: after a crash the log may still begin a little below its horizon. */
  get #lowest(): Position | undefined {
    const { horizon } = this.#log;
    return horizon === 0n
      ? undefined
      : this.#store.list().find(({ position: at }) => at >= horizon)?.position;
  }

  get #retention(): Retention {
    const { horizon } = this.#log;
    const kept = this.#kept ?? this.#lowest;
    return { ...this.#options, horizon, ...(kept === undefined ? {} : { kept }) };
  }

  async #lastBefore(at: Position): Promise<string> {
    if (at === 0n || at <= this.#log.horizon) return '';
    const from = position(at - 1n);
    for await (const [event] of this.#log.read({ from, to: at }))
      if (event !== undefined) return nameOf(event);
    throw new Rejection('internal', `position ${from} is durable and can't be read`);
  }
}

const beyond = (durable: Position): string =>
  `the log ends before it, at position ${durable}: it was put back from an older copy`;
const otherSchema = 'another version of Shiplog made it';
const otherLog = 'the event before it is another one: the log is not the one that it was made from';

/** An event in words that no other event has: two do not happen in the same microseconds of the same boot. */
const nameOf = ({ type, subject, meta }: Recorded): string => {
  const { wall, mono, boot } = meta.time;
  return [type, subject, wall, mono, boot, meta.correlation].join(' ');
};
