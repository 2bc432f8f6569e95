import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Connection } from './connection.ts';
import type { Proposal } from './event-texts.ts';
import type { EventStoreLimits } from './limits.ts';
import { Patience } from './patience.ts';
import type { StreamReader } from './reader.ts';

/** The log may not be written any more by whoever holds it: what it knows of the stream is no longer true. */
export class Overtaken extends Rejection {
  constructor(code: 'unavailable' | 'data-loss', message: string) {
    super(code, message);
    this.name = 'Overtaken';
  }
}

/**
 * Gets groups of events into the stream, one call at a time.
 *
 * A call that ends without an answer may have been carried out. It is repeated as it was: same ids, same expected revision.
 * The server then stores it, or knows the ids and says that they are stored, or reports a conflict; in that case the
 * stream itself is asked whose events are there.
 */
export class StreamWriter {
  readonly #connection: Connection;
  readonly #reader: StreamReader;
  readonly #limits: EventStoreLimits;
  readonly #logger: Logger | undefined;
  /** First id of each group that was given up on; a group is stored whole or not at all. */
  readonly #givenUp = new Set<string>();

  constructor(connection: Connection, reader: StreamReader, limits: EventStoreLimits, logger?: Logger) {
    this.#connection = connection;
    this.#reader = reader;
    this.#limits = limits;
    this.#logger = logger;
  }

  /**
   * Resolves when the group is stored at the positions of its events.
   * @throws Overtaken when something else is there; Rejection when it could not be stored, as far as is known
   */
  async write(group: readonly Proposal[]): Promise<void> {
    const [{ id, position: first } = { id: '', position: 0n }] = group;
    const { stream } = this.#reader;
    const { giveUpAfterMs, deadlineMs } = this.#limits;
    const patience = new Patience(
      `Appending ${group.length} events at position ${first} of the stream ${stream} of KurrentDB`,
      giveUpAfterMs,
      this.#logger,
    );
    for (;;) {
      try {
        const answer = await this.#connection.append(stream, group, first, deadlineMs);
        const wanted = first + BigInt(group.length) - 1n;
        if (answer.kind === 'conflict' || answer.last !== wanted) await this.#whoseIsIt(group, first);
        this.#givenUp.clear();
        return;
      } catch (error) {
        if (error instanceof Overtaken) throw error;
        await this.#again(patience, error, id);
      }
    }
  }

  async #again(patience: Patience, error: unknown, id: string): Promise<void> {
    try {
      if (error instanceof Rejection) throw error;
      await patience.next(error);
    } catch (ended) {
      this.#givenUp.add(id);
      throw ended;
    }
  }

  /** Returns when the group stands where it belongs. @throws Overtaken */
  async #whoseIsIt(group: readonly Proposal[], first: bigint): Promise<void> {
    const { stream } = this.#reader;
    const ids = await this.#reader.idsFrom(first, group.length);
    if (ids.length === group.length && group.every(({ id }, index) => ids[index] === id)) return;
    const [there] = ids;
    if (there === undefined) {
      const length = await this.#reader.length();
      throw new Overtaken(
        'data-loss',
        `Appending at position ${first} of the stream ${stream} of KurrentDB: the stream has ${length} events, and events that were stored before are gone. ` +
          'It was deleted or restored from an old copy. Restore the stream or give the host a new id, then start again.',
      );
    }
    if (group[0]?.id === there) {
      throw new Overtaken(
        'data-loss',
        `Appending ${group.length} events at position ${first} of the stream ${stream} of KurrentDB: only a part of them is there. ` +
          'The server has broken up an append, which it must not. What is there is no state that this host ever was in; report it, and restore the stream.',
      );
    }
    throw new Overtaken(
      'unavailable',
      this.#givenUp.has(there)
        ? `Appending at position ${first} of the stream ${stream} of KurrentDB: an append that had been reported as failed was stored after all. ` +
            'Open the log again, so that what it says is taken into account.'
        : `Appending at position ${first} of the stream ${stream} of KurrentDB: somebody else has written there. ` +
            'Another daemon uses the id of this host; this one stops writing. Stop the other one, or give this host an id of its own, then start again.',
    );
  }
}
