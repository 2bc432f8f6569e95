import type { Descriptor, Namespace } from '../../domain/identity.ts';
import type { ProxyFacts } from './proxy-facts.ts';
import type { AppliedDiff, DiffApplication, DiffRequest } from './store/diff.ts';

/**
 * A differ in another daemon, asked for layers that ours does not know. It reads and writes content of this daemon as any
 * client, so what it makes is in the log by the time it answers.
 */
export interface RemoteDiffer extends ProxyFacts {
  /** @throws Rejection with that daemon's code and words after the plugin's name; `unavailable` where it can't be reached */
  apply(application: DiffApplication, call: RemoteDiffCall): Promise<AppliedDiff>;
  diff(request: DiffRequest, call: RemoteDiffCall): Promise<Descriptor>;
}

export interface RemoteDiffCall {
  readonly namespace: Namespace;
  readonly signal?: AbortSignal | undefined;
}
