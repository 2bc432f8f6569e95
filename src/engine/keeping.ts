import type { Recorded } from '../domain/envelope.ts';
import { type Position, position } from '../domain/identity.ts';
import { type Archived, type Redaction, unreachable } from '../domain/keeping.ts';
import { redactData } from '../domain/redaction.ts';
import { isRejection, Rejection } from '../domain/rejection.ts';
import { folded } from './fold.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { ArchiveReport, LogKeeper, SignedHeads } from './ports/keeping.ts';
import type { PruneReport, RedactionReport, RestoreReport } from './ports/keeping-api.ts';
import type { Log } from './ports/log.ts';
import type { LogCopy } from './ports/replica.ts';
import type { Views } from './views.ts';

/** What keeping needs of the saved views. */
export interface KeptViews {
  /** The views to fold from for a position. */
  below(at: Position): Promise<Views>;
  /** Saves views and never lets go of them: nothing can make them again once the log begins there. @throws where it can't */
  keep(views: Views): Promise<void>;
  /** Forgets what is saved of later positions, also what is being saved now. */
  forget(above: Position): Promise<void>;
}

export interface KeepingParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly keeper: LogKeeper;
  readonly views: KeptViews;
  readonly heads: SignedHeads;
  /** Absent where the log is on this host only. */
  readonly copy?: LogCopy;
}

/**
 * Takes texts out of the log, archives it and prunes it: one after another, each recorded before bytes go. What a crash left
 * half done is finished at the next start.
 */
export class Keeping {
  readonly #parts: KeepingParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: KeepingParts) {
    this.#parts = parts;
  }

  /** Finishes what a crash left. To be called before anything is served, or recorded. */
  async finish(): Promise<void> {
    const { ledger, keeper, log } = this.#parts;
    const { recent, horizon, prunedAt, prunedInto } = ledger.durable.world.keeping;
    const due = recent.filter((redaction) => placeOf(redaction) >= log.horizon);
    for (const redaction of due) await this.#carryOut(redaction);
    const [first] = due.map(placeOf).sort((a, b) => Number(a - b));
    if (first !== undefined) await this.#refold(first);
    if (horizon > log.horizon)
      await keeper.prune({ horizon: String(horizon), archives: [...prunedInto] }, prunedAt);
  }

  /**
   * Takes texts out of the payload of an event.
   * @throws Rejection `invalid-argument` (no such field, or one that must stay), `failed-precondition` (pruned; the log is
   *   elsewhere)
   */
  redact(at: Position, fields: readonly string[], cause: Cause): Promise<RedactionReport> {
    return this.#inTurn(async () => {
      await this.#refuseWherePrimary(`redact event ${at}`);
      const { ledger, keeper } = this.#parts;
      const { keeping, position: head } = ledger.durable.world;
      const refused = unreachable(at, keeping, head);
      if (refused !== undefined) throw refused;
      // One that failed at the disk is tried again first, so that only the last of them can ever be open.
      const open = keeping.recent.findLast((one) => placeOf(one) === at);
      if (open !== undefined) await this.#carryOut(open);
      const event = await this.#eventAt(at);
      const redacted = redactData(event, fields);
      if (isRejection(redacted)) throw redacted;
      const archives = holding(keeping.archives.values(), at);
      if (JSON.stringify(redacted.data) === JSON.stringify(event.data)) {
        if (open !== undefined) await this.#refold(at);
        return { archives };
      }
      const replacement = await keeper.prepare(at, redacted.data);
      const redaction = {
        position: String(at),
        redacts: event.type,
        about: event.subject,
        fields: [...redacted.fields],
        ...replacement,
      };
      const [fact] = await ledger.dispatch([{ type: 'redact-payload', ...redaction }], cause);
      if (fact === undefined) throw new Rejection('internal', `redact event ${at}: nothing was recorded`);
      await keeper.replace(at, redacted.data, replacement);
      await this.#refold(at);
      return { recorded: fact.position, archives };
    });
  }

  /** Copies what is below a position to a folder; to what is durable when no position is given. */
  archive(directory: string, before: Position | undefined, cause: Cause): Promise<ArchiveReport> {
    return this.#inTurn(async () => {
      const { ledger, keeper, log } = this.#parts;
      const report = await keeper.archive(directory, before ?? log.durable);
      if (report.from === report.until) return report;
      const { from, until, ...rest } = report;
      const command = { type: 'record-archive' as const, ...rest, from: String(from), until: String(until) };
      await ledger.dispatch([command], cause);
      return report;
    });
  }

  /**
   * Gives up the beginning of the log, in whole files.
   * @param unarchived whether it may go although no archive has it
   * @throws Rejection `failed-precondition` where nothing can go, no signed head covers it, no archive has it, or the copy
   *   elsewhere does not have it yet
   */
  prune(before: Position, unarchived: boolean, cause: Cause): Promise<PruneReport> {
    return this.#inTurn(async () => {
      const asked = `prune before ${before}`;
      await this.#refuseWherePrimary(asked);
      const { ledger, keeper, heads, views, log } = this.#parts;
      const plan = await keeper.plan(before);
      if (plan === undefined) {
        const why = `no closed file of the log lies wholly below it; the log begins at ${log.horizon}`;
        throw new Rejection('failed-precondition', `${asked}: ${why}`);
      }
      const horizon = position(BigInt(plan.horizon));
      const treeSize = await heads.covering(horizon);
      if (treeSize === undefined) {
        const why = `no signed tree head covers all below ${horizon}; let one be signed ('shiplog log head') and try again`;
        throw new Rejection('failed-precondition', `${asked}: ${why}`);
      }
      await this.#refuseBeforeCopied(horizon, asked);
      const archives = await this.#archivesOf(horizon, unarchived, asked);
      await views.keep(await folded(log, { from: await views.below(horizon), to: horizon }));
      const command = {
        type: 'prune-log' as const,
        ...plan,
        treeSize: String(treeSize),
        archives: [...archives],
      };
      const [fact] = await ledger.dispatch([command], cause);
      if (fact === undefined) throw new Rejection('internal', `${asked}: nothing was recorded`);
      await keeper.prune({ horizon: plan.horizon, archives: [...archives] }, fact.position);
      return { horizon, segments: plan.segments, bytes: plan.bytes, archives };
    });
  }

  /**
   * Puts back what was pruned, all of it, from archives.
   * @throws Rejection `failed-precondition` where nothing was pruned, or the archives don't have all that was; `data-loss`
   *   where an archive is damaged
   */
  restore(directories: readonly string[], cause: Cause): Promise<RestoreReport> {
    return this.#inTurn(async () => {
      const asked = `restore from ${directories.join(', ')}`;
      await this.#refuseWherePrimary(asked);
      const { ledger, keeper, log } = this.#parts;
      const until = log.horizon;
      if (until === 0n) {
        throw new Rejection(
          'failed-precondition',
          `${asked}: the log begins at position 0, nothing is missing`,
        );
      }
      const { redactions } = ledger.durable.world.keeping;
      const redacted = [...redactions].map(
        ([at, { replacement }]) => [position(BigInt(at)), replacement] as const,
      );
      const back = await keeper.bringBack(directories, new Map(redacted));
      const { segments, bytes } = back;
      const archives = [...directories];
      const command = {
        type: 'restore-log' as const,
        horizon: '0',
        until: String(until),
        segments,
        bytes,
        archives,
      };
      try {
        await ledger.dispatch([command], cause);
      } catch (error) {
        await back.discard();
        throw error;
      }
      await back.adopt();
      return { until, segments, bytes };
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done;
    return done;
  }

  /** The bytes of a redaction that is recorded. Doing it again changes nothing. */
  async #carryOut(redaction: Redaction): Promise<void> {
    const at = placeOf(redaction);
    const redacted = redactData(await this.#eventAt(at), redaction.fields);
    if (isRejection(redacted)) throw redacted;
    await this.#parts.keeper.replace(at, redacted.data, redaction);
  }

  /** Lets go of everything in memory and on disk that was folded from an event as it was. */
  async #refold(at: Position): Promise<void> {
    const { ledger, views, log } = this.#parts;
    const from = await views.below(at);
    await ledger.reload((to) => folded(log, { from, to }));
    await views.forget(at);
  }

  async #eventAt(at: Position): Promise<Recorded> {
    for await (const [event] of this.#parts.log.read({ from: at, to: position(at + 1n) })) {
      if (event !== undefined) return event;
    }
    throw new Rejection('internal', `position ${at} is durable and can't be read`);
  }

  /** The archives that have all below a new horizon, and what was pruned before. */
  async #archivesOf(horizon: Position, unarchived: boolean, asked: string): Promise<readonly string[]> {
    const { keeping } = this.#parts.ledger.durable.world;
    const directories = [...keeping.archives.values()]
      .filter(({ from }) => from < horizon)
      .map(({ directory }) => directory);
    const missing = await this.#parts.keeper.firstUnarchived(horizon, directories);
    if (missing === undefined) return [...new Set([...keeping.prunedInto, ...directories])].sort();
    if (unarchived) return keeping.prunedInto;
    throw new Rejection(
      'failed-precondition',
      `${asked}: no archive has the file of position ${missing} as it is now; 'shiplog log archive --to DIR' first, or give --unarchived to lose it`,
    );
  }

  async #refuseWherePrimary(asked: string): Promise<void> {
    const copy = await this.#parts.copy?.status();
    if (copy?.mode !== 'primary') return;
    const why = `the log is kept at ${copy.place}, and the files of this host are a copy; change it there`;
    throw new Rejection('failed-precondition', `${asked}: ${why}`);
  }

  async #refuseBeforeCopied(horizon: Position, asked: string): Promise<void> {
    const copy = await this.#parts.copy?.status();
    if (copy === undefined || (copy.position ?? 0n) > horizon) return;
    const why = `${copy.place} has only the events below ${copy.position ?? 0n}; wait until it has more than those below ${horizon}, so that it can be told from the log at its end`;
    throw new Rejection('failed-precondition', `${asked}: ${why}`);
  }
}

const placeOf = ({ position: at }: Pick<Redaction, 'position'>): Position => position(BigInt(at));

const holding = (archives: Iterable<Archived>, at: Position): readonly string[] =>
  [...archives].filter(({ from, until }) => from <= at && at < until).map(({ directory }) => directory);
