import { Rejection } from '../domain/rejection.ts';
import type { EffectInput, EffectName, EffectOutput, TransferReport } from '../workflows/effects.ts';
import type { Step, Workflow } from '../workflows/steps.ts';
import type { Ledger } from './ledger.ts';
import type { OpenArchive } from './ports/archive.ts';
import type { Cause } from './ports/cause.ts';
import type { RegistryAccess } from './ports/registry.ts';
import type { Attachment } from './ports/stdio.ts';

/** The caller's ends of what streams in and out while a workflow runs. */
export interface Ends {
  /** Streams of a process that is about to be made, for whoever wants them from the first byte on. */
  readonly attached?: (attachment: Attachment) => void;
  /** The archive that an import reads. */
  readonly archive?: OpenArchive;
  /** How the caller wants registries asked. */
  readonly registry?: RegistryAccess;
  /** Takes what an export writes; resolves when there is room for more. */
  readonly sink?: (bytes: Uint8Array) => Promise<void>;
}

/** What a performer is told besides its input. */
export interface EffectContext extends Ends {
  readonly cause: Cause;
  readonly signal?: AbortSignal;
  /** Progress for whoever asked. */
  readonly report: (report: TransferReport) => void;
}

/** How each effect is carried out. */
export type Performers = {
  readonly [K in EffectName]: (input: EffectInput<K>, context: EffectContext) => Promise<EffectOutput<K>>;
};

export interface RunOptions extends Ends {
  readonly cause: Cause;
  readonly signal?: AbortSignal;
  readonly report?: (report: TransferReport) => void;
}

/** One run of a workflow: what it has caused so far, and whether it was told to stop. */
interface Run {
  cause: Cause;
  signal: AbortSignal | undefined;
  readonly report: (report: TransferReport) => void;
  readonly ends: Ends;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Drives workflows: answers their steps one by one. A look and the dispatch after it happen in one turn, so nothing comes
 * between what a workflow saw and what it decided on. An aborted signal is thrown into the workflow once, at its next
 * step; what the workflow then does to clean up is not interrupted again.
 */
export class WorkflowRunner {
  readonly #ledger: Ledger;
  readonly #performers: Performers;

  constructor(ledger: Ledger, performers: Performers) {
    this.#ledger = ledger;
    this.#performers = performers;
  }

  async run<T>(workflow: Workflow<T>, options: RunOptions): Promise<T> {
    const { cause, signal, report = () => {}, ...ends } = options;
    return this.#drive(workflow, { cause, signal, report, ends });
  }

  async #drive<T>(workflow: Workflow<T>, run: Run): Promise<T> {
    let next = this.#looked(workflow, workflow.next());
    while (!next.done) {
      const outcome = await this.#answer(next.value, run);
      next = this.#looked(workflow, resume(workflow, outcome));
    }
    return next.value;
  }

  /** Answers looks in the turn that they are asked in. @returns the first other step */
  #looked<T>(workflow: Workflow<T>, from: IteratorResult<Step, T>): IteratorResult<Step, T> {
    let next = from;
    while (!next.done && next.value.step === 'look') next = workflow.next(this.#ledger.head.world);
    return next;
  }

  async #answer(step: Step, run: Run): Promise<Outcome> {
    try {
      if (run.signal?.aborted) throw cancellation(run.signal);
      return { value: await this.#take(step, run) };
    } catch (error) {
      if (run.signal?.aborted) run.signal = undefined;
      return { error };
    }
  }

  async #take(step: Step, run: Run): Promise<unknown> {
    switch (step.step) {
      case 'look':
        return this.#ledger.head.world;
      case 'dispatch': {
        const facts = await this.#ledger.dispatch(step.commands, run.cause);
        const [first] = facts;
        if (first) run.cause = { ...run.cause, causation: first.position };
        return facts;
      }
      case 'perform':
        return this.#perform(step.effect, step.input, run);
      case 'all':
        return this.#all(step.branches, step.limit, run);
      default:
        return step satisfies never;
    }
  }

  #perform<K extends EffectName>(effect: K, input: EffectInput<K>, run: Run): Promise<EffectOutput<K>> {
    const { cause, signal, report, ends } = run;
    return this.#performers[effect](input, {
      ...ends,
      cause,
      report,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Runs branches side by side. The first failure stops the others; all have ended when this does. */
  async #all(branches: readonly Workflow<unknown>[], limit: number, run: Run): Promise<readonly unknown[]> {
    const stop = new AbortController();
    const signal = run.signal === undefined ? stop.signal : AbortSignal.any([run.signal, stop.signal]);
    const results: unknown[] = new Array(branches.length);
    const waiting = branches.entries();
    let failure: { readonly error: unknown } | undefined;
    const hand = async () => {
      for (const [at, branch] of waiting) {
        try {
          results[at] = await this.#drive(branch, { ...run, signal });
        } catch (error) {
          failure ??= { error };
          stop.abort(new Rejection('cancelled', 'another part of the same work failed'));
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(limit, branches.length) }, hand));
    if (failure) throw failure.error;
    return results;
  }
}

const resume = <T>(workflow: Workflow<T>, outcome: Outcome) =>
  'error' in outcome ? workflow.throw(outcome.error) : workflow.next(outcome.value);

const cancellation = ({ reason }: AbortSignal): Rejection =>
  reason instanceof Rejection
    ? reason
    : new Rejection('cancelled', 'the caller went away', { cause: reason });
