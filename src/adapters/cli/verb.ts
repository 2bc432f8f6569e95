import type { Command } from '@commander-js/extra-typings';
import type { ShiplogClient } from '../../client/connect.ts';
import type { Fleet } from '../../engine/ports/fleet.ts';
import type { CliIo } from './cli-io.ts';

/** What a verb is given beside its own arguments. */
export interface VerbContext {
  readonly io: CliIo;
  /** The tenancy of every request. */
  readonly namespace: string;
  /** Connects at the first call. */
  readonly client: () => Promise<ShiplogClient>;
  /** Opens the logs of all hosts; closed when the verb is done. @throws Rejection `invalid-argument` for the string */
  readonly fleet: (connectionString: string) => Promise<Fleet>;
  /** Fires at SIGINT and SIGTERM, until `takeSignals`. */
  readonly signal: AbortSignal;
  /** From here on the verb looks after signals itself, as where they belong to a container. */
  readonly takeSignals: () => void;
  /** Says what went wrong with one of several things, so that the verb can go on with the next. */
  readonly complain: (error: unknown) => Promise<void>;
}

/** Does the verb's work. @returns the exit code */
export type Task = (context: VerbContext) => Promise<number>;

/** A verb of a group, as `verify` of `log verify`; its module is loaded only when it is asked for. */
export interface PartEntry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly verb: Verb }>;
}

export interface Verb {
  /** Command lines that teach, with a few words each. */
  readonly examples: readonly (readonly [line: string, says: string])[];
  /** The verbs of a group such as `log`; the group itself then does nothing but list them. */
  readonly verbs?: Readonly<Record<string, PartEntry>>;
  /** Adds arguments, flags and an action that hands a task to `perform`. */
  readonly declare: (command: Command, perform: (task: Task) => Promise<void>) => unknown;
}

/**
 * Does the same to each of several things, one after another, and goes on after a failure as docker does.
 *
 * @returns 1 if one of them failed, else 0
 */
export const eachOf = async (
  context: VerbContext,
  things: readonly string[],
  act: (thing: string) => Promise<void>,
): Promise<number> => {
  let failed = 0;
  for (const thing of things) {
    try {
      await act(thing);
    } catch (error) {
      if (context.signal.aborted) throw error;
      failed = 1;
      await context.complain(error);
    }
  }
  return failed;
};
