import { Subject as Feed, type Observable } from 'rxjs';
import type { Envelope, Metadata } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import { type Position, position } from '../domain/identity.ts';
import { isRejection, Rejection } from '../domain/rejection.ts';
import { type Command, type DomainEvent, decide, definitionOf, subjectOf } from '../domain/world.ts';
import { folded } from './fold.ts';
import type { Cause } from './ports/cause.ts';
import type { Clock } from './ports/clock.ts';
import type { Log } from './ports/log.ts';
import type { SavedViews } from './saved-views.ts';
import { emptyViews, evolveViews, type Views } from './views.ts';

export { factOf } from './facts.ts';

/**
 * Turns commands into events. Decisions are taken one after another on the state at the head of the log, where an
 * event's place is fixed; replies, reactions and reads wait until it is durable. When a batch can't be made durable,
 * its commands and all that were decided on top of it fail, and the state falls back to the last durable one.
 */
export class Ledger {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #recorded = new Feed<Fact<DomainEvent>>();
  #head: Views;
  #durable: Views;
  /** Counts the fall-backs, so that batches of one failure cause one. */
  #generation = 0;
  /** Counts the times that views folded anew took the place of the ones held. */
  #foldings = 0;
  /** While views are folded anew: what was decided meanwhile. */
  #meanwhile: Fact<DomainEvent>[] | undefined;

  private constructor(log: Log, clock: Clock, views: Views) {
    this.#log = log;
    this.#clock = clock;
    this.#head = views;
    this.#durable = views;
  }

  /**
   * Folds the log: onto the newest of the saved views, where there are some, else from its start.
   * @throws Rejection `data-loss` for an event that this version can't read, or as {@link SavedViews.below}
   */
  static async open(log: Log, clock: Clock, saved?: SavedViews): Promise<Ledger> {
    const views = saved ? await saved.restore() : await folded(log, { from: emptyViews, to: log.durable });
    return new Ledger(log, clock, views);
  }

  /** State that decisions are taken on: everything handed to the log. */
  get head(): Views {
    return this.#head;
  }

  /** State that may be shown: everything on stable storage. */
  get durable(): Views {
    return this.#durable;
  }

  /** Facts in order, each once it is durable. */
  get recorded(): Observable<Fact<DomainEvent>> {
    return this.#recorded;
  }

  /**
   * Decides commands together, as one batch.
   * @returns the facts, once they and all they were decided on are durable
   * @throws Rejection of the first command that is refused (then nothing is recorded), or of the log
   */
  async dispatch(commands: readonly Command[], cause: Cause): Promise<readonly Fact<DomainEvent>[]> {
    const { facts, views } = this.#decide(commands, cause);
    if (facts.length === 0) {
      await this.#log.settled(this.#log.head);
      return facts;
    }
    const { generation, foldings } = { generation: this.#generation, foldings: this.#foldings };
    const accepted = this.#log.append(facts.map(envelopeOf), this.#head.world.position);
    // A batch that the log refuses at once has no place in it: what was decided before it still stands.
    if (this.#log.head !== views.world.position) return refused(accepted);
    this.#head = views;
    this.#meanwhile?.push(...facts);
    try {
      await accepted;
    } catch (error) {
      this.#fallBack(generation);
      throw error;
    }
    this.#durable = foldings === this.#foldings ? views : onto(this.#durable, facts);
    for (const fact of facts) this.#recorded.next(fact);
    return facts;
  }

  /** Resolves when everything at the head now is durable. */
  async settled(): Promise<void> {
    await this.#log.settled(this.#log.head);
  }

  /**
   * Puts views that are folded anew in the place of the ones held, where the events that those came from have changed.
   * Commands are decided meanwhile. Calls must not overlap.
   * @param refold gives the views at a durable position, of the events as they are now
   */
  async reload(refold: (to: Position) => Promise<Views>): Promise<void> {
    this.#meanwhile = [];
    try {
      // Written or given up: either way what is not durable afterwards was decided since.
      const over = (): void => undefined;
      await this.#log.settled(this.#log.head).then(over, over);
      const refolded = await refold(this.#log.durable);
      const known = this.#durable.world.position;
      this.#durable = onto(
        refolded,
        this.#meanwhile.filter((fact) => fact.position < known),
      );
      this.#head = onto(this.#durable, this.#meanwhile);
      this.#foldings += 1;
    } finally {
      this.#meanwhile = undefined;
    }
  }

  #decide(commands: readonly Command[], cause: Cause): { facts: readonly Fact<DomainEvent>[]; views: Views } {
    const facts: Fact<DomainEvent>[] = [];
    let views = this.#head;
    // What is decided together is decided at one moment, and written down with it once.
    let meta: Metadata | undefined;
    for (const command of commands) {
      const decision = decide(command, views.world);
      if (isRejection(decision)) throw decision;
      for (const event of decision) {
        meta ??= this.#stamp(cause);
        const fact = { ...event, position: views.world.position, subject: subjectOf(event), meta };
        facts.push(fact);
        views = evolveViews(views, fact);
      }
    }
    return { facts, views };
  }

  #stamp({ actor, correlation, causation, reason }: Cause): Metadata {
    return {
      actor,
      time: this.#clock.now(),
      correlation,
      ...(causation === undefined ? {} : { causation: String(causation) }),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  #fallBack(generation: number): void {
    if (generation !== this.#generation) return;
    this.#generation += 1;
    this.#head = this.#durable;
    const { position: durable } = this.#durable.world;
    this.#meanwhile &&= this.#meanwhile.filter((fact) => fact.position < durable);
  }
}

/** Views with those of the facts folded in that they have not yet. */
const onto = (views: Views, facts: readonly Fact<DomainEvent>[]): Views =>
  facts.reduce(
    (known, fact) => (fact.position === known.world.position ? evolveViews(known, fact) : known),
    views,
  );

/** @throws Rejection that the log gave */
const refused = async (answer: Promise<Position>): Promise<never> => {
  await answer;
  throw new Rejection('internal', 'the log took a batch and gave it no place');
};

const envelopeOf = ({ type, subject, data, meta }: Fact<DomainEvent>): Envelope => ({
  type,
  version: definitionOf(type)?.version ?? 1,
  subject,
  data,
  meta,
});

/** The position after the last of these facts. */
export const after = (facts: readonly Fact<DomainEvent>[], otherwise: Position): Position => {
  const last = facts.at(-1);
  return last === undefined ? otherwise : position(last.position + 1n);
};
