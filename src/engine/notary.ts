import type { Actor } from '../domain/envelope.ts';
import { type Position, position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { currentKey, type Signing } from '../domain/signing.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { Clock, Names } from './ports/clock.ts';
import type { SignedHeads } from './ports/keeping.ts';
import type { Log } from './ports/log.ts';
import type { Logger } from './ports/logger.ts';
import type { TreeHead, TreeHeads } from './ports/proofs.ts';

export interface NotaryOptions {
  readonly actor: Actor;
  /** Milliseconds between heads while events come. */
  readonly interval: number;
  /** Milliseconds after which a head is signed though nothing happened, so that this can be proven. */
  readonly heartbeat: number;
  /** Names the log in its heads; `shiplog/HOST ID` when empty. Fixed by the first key. */
  readonly origin: string;
}

export interface NotaryParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly heads: TreeHeads;
  readonly clock: Clock;
  readonly names: Names;
  readonly logger: Logger;
}

/**
 * Signs what the log is, now and then. It never signs what contradicts an earlier head: a log that is shorter than one,
 * or gives another root, and a key that is gone, stop the signing, with an event that says so; the daemon runs on.
 */
export class Notary implements SignedHeads {
  readonly #parts: NotaryParts;
  readonly #options: NotaryOptions;
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(parts: NotaryParts, options: NotaryOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /**
   * Sees to it that there is a key, and that the log is the one that was signed; then signs in the background.
   * @param found how many events the log had when it was opened, before this start added to it
   */
  async start(found: Position): Promise<void> {
    await this.#inTurn(() => this.#prepare(found));
    this.#schedule();
  }

  /** Signs what is durable now, and no more after that. */
  async stop(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#attempt(true);
  }

  /** Signs everything that is durable now; the head there is, where it says that already. @throws Rejection that says why not */
  sign(fresh = false): Promise<TreeHead> {
    return this.#inTurn(() => this.#sign(fresh));
  }

  async covering(below: Position): Promise<Position | undefined> {
    const latest = await this.#parts.heads.latest();
    if (latest !== undefined && latest.size >= below) return latest.size;
    if (this.#parts.log.durable < below) return undefined;
    return (await this.sign()).size;
  }

  /** Makes another key, which the old one vouches for: the next head is signed by both. */
  rotate(cause: Cause): Promise<void> {
    return this.#inTurn(async () => {
      const { heads, ledger } = this.#parts;
      const to = await heads.makeKey(originOf(this.#currentKey()));
      await this.#orForget(to, () => ledger.dispatch([{ type: 'rotate-signing-key', to }], cause));
      await this.#sign(true);
    });
  }

  /** Begins anew, under another name, where the old key can't sign. */
  replace(cause: Cause): Promise<void> {
    return this.#inTurn(async () => {
      const { heads, ledger } = this.#parts;
      const { keys } = this.#signing;
      const first = originOf(keys[0]?.vkey ?? this.#currentKey());
      const to = await heads.makeKey(`${first}/${keys.length + 1}`);
      await this.#orForget(to, () => ledger.dispatch([{ type: 'replace-signing-key', to }], cause));
      await this.#sign(true);
    });
  }

  get #signing(): Signing {
    return this.#parts.ledger.head.world.signing;
  }

  /** @throws Rejection `failed-precondition` before the first start has come to its end */
  #currentKey(): string {
    const vkey = currentKey(this.#signing);
    if (vkey === undefined) throw new Rejection('failed-precondition', 'the log has no signing key yet');
    return vkey;
  }

  async #prepare(found: Position): Promise<void> {
    const { heads, ledger } = this.#parts;
    const vkey = currentKey(this.#signing);
    const here = await heads.keys();
    if (vkey === undefined) {
      const origin = this.#options.origin || `shiplog/${ledger.head.world.host.hostId}`;
      // A start that was cut short may have made it already.
      const made = here.find((one) => originOf(one) === origin) ?? (await heads.makeKey(origin));
      await ledger.dispatch([{ type: 'create-signing-key', vkey: made }], this.#cause());
      return;
    }
    if (this.#signing.stopped === undefined && !here.includes(vkey)) {
      await this.#stopSigning(
        'key-missing',
        `the private part of ${vkey} is not among the keys of this host`,
      );
    }
    if (this.#signing.stopped !== undefined) return this.#say();
    const fault = await heads.check(found);
    if (fault !== undefined) await this.#stopSigning(fault.what, fault.detail);
    this.#say();
  }

  async #stopSigning(what: NonNullable<Signing['stopped']>, detail: string): Promise<void> {
    await this.#parts.ledger.dispatch([{ type: 'stop-signing', what, detail }], this.#cause());
  }

  #say(): void {
    const { stopped } = this.#signing;
    if (stopped === undefined) return;
    this.#parts.logger.error(
      "heads of the log are not signed; find out why, then begin anew with 'shiplog log key replace --reason …'",
      { what: stopped },
    );
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(() => {
      // Never fails: what goes wrong is logged and tried again.
      void this.#attempt(false).then(() => this.#schedule());
    }, this.#options.interval).unref();
  }

  /** Signs where there is something to say. */
  async #attempt(last: boolean): Promise<void> {
    const { log, heads, clock, logger } = this.#parts;
    if (this.#signing.stopped !== undefined) return;
    try {
      const latest = await heads.latest();
      const age = (clock.now().wall - (latest?.time ?? 0)) / 1000;
      if (latest?.size === log.durable && (last || age < this.#options.heartbeat)) return;
      await this.sign(true);
    } catch (error) {
      logger.warn('a head of the log could not be signed; it is tried again', { error });
    }
  }

  async #sign(fresh: boolean): Promise<TreeHead> {
    const { log, heads, clock } = this.#parts;
    const { stopped, keys } = this.#signing;
    if (stopped !== undefined) {
      throw new Rejection(
        'failed-precondition',
        `heads of the log are not signed (${stopped}); 'shiplog log key' tells more`,
      );
    }
    const vkey = this.#currentKey();
    const size = position(log.durable);
    const latest = await heads.latest();
    if (!fresh && latest?.size === size) return latest;
    // Older keys whose private part is still here vouch for the one that follows; then they are done.
    const here = await heads.keys();
    const older = keys.map((key) => key.vkey).filter((key) => key !== vkey && here.includes(key));
    const head = await heads.sign({ size, wall: clock.now().wall, vkeys: [...older, vkey] });
    await heads.forgetKeys(older);
    return head;
  }

  /** A key that no event names is not kept. */
  async #orForget(vkey: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#parts.heads.forgetKeys([vkey]);
      throw error;
    }
  }

  #cause(): Cause {
    return { actor: this.#options.actor, correlation: this.#parts.names.sortable() };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const begun = this.#work.then(work, work);
    this.#work = begun;
    return begun;
  }
}

const originOf = (vkey: string): string => vkey.slice(0, vkey.indexOf('+'));
