import { isRejection, type Rejection } from '../../domain/rejection.ts';
import type { World } from '../../domain/world.ts';
import type { Workflow } from '../../workflows/steps.ts';
import type { Collector } from '../collector.ts';
import type { Keeping } from '../keeping.ts';
import type { Ledger } from '../ledger.ts';
import type { Call } from '../ports/api.ts';
import type { Ports } from '../ports/ports.ts';
import type { ProofsApi, TreeHeads } from '../ports/proofs.ts';
import type { LogCopy } from '../ports/replica.ts';
import type { Timeline } from '../timeline.ts';
import type { RunOptions, WorkflowRunner } from '../workflow-runner.ts';

/** What the methods of the API work with. */
export interface Engine {
  readonly ports: Ports;
  readonly ledger: Ledger;
  readonly runner: WorkflowRunner;
  readonly collector: Collector;
  readonly timeline: Timeline;
  readonly keeping: Keeping;
  readonly proofs: ProofsApi;
  readonly heads: Pick<TreeHeads, 'checking'>;
  /** Absent where the log is on this host only. */
  readonly logCopy?: LogCopy;
  readonly about: About;
}

/** What the daemon can say of itself. */
export interface About {
  readonly version: string;
  readonly revision: string;
  readonly root: string;
  readonly state: string;
  readonly pid: number;
  readonly defaultRuntime: { readonly name: string; readonly binary: string };
}

/** A query's answer, or its refusal thrown. */
export const orThrow = <T>(answer: T | Rejection): T => {
  if (isRejection(answer)) throw answer;
  return answer;
};

/** The durable world: what may be shown. */
export const shown = ({ ledger }: Engine): World => ledger.durable.world;

/** Runs a workflow for a caller. The answer waits until all that it rests on is durable, also where nothing was to do. */
export const run = async <T>(
  { runner, ledger }: Engine,
  workflow: Workflow<T>,
  call: Call,
  more: Partial<RunOptions> = {},
): Promise<T> => {
  const result = await runner.run(workflow, {
    cause: call.cause,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
    ...(call.report === undefined ? {} : { report: call.report }),
    ...more,
  });
  await ledger.settled();
  return result;
};
