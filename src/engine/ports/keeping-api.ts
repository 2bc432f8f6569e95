import type { Position } from '../../domain/identity.ts';
import type { At } from './at.ts';
import type { Call } from './call.ts';
import type { ArchiveReport } from './keeping.ts';

export interface RedactionReport {
  /** Position of the event that records it; absent where nothing was left to take out. */
  readonly recorded?: Position;
  /** Archives that hold the event as it was. */
  readonly archives: readonly string[];
}

export interface PruneReport {
  /** Where the log begins now. */
  readonly horizon: Position;
  /** Files removed, and their bytes. */
  readonly segments: number;
  readonly bytes: number;
  /** Folders that hold what is gone. */
  readonly archives: readonly string[];
}

export interface RestoreReport {
  /** Where the log began before; it begins at 0 now. */
  readonly until: Position;
  /** Files put back, and their bytes. */
  readonly segments: number;
  readonly bytes: number;
}

/** What is kept of the log (driving). */
export interface KeepingApi {
  /**
   * Takes texts out of the payload of an event, for ever. The call must give a reason.
   * @param fields JSON pointers, or dotted paths, into the event's data
   */
  redact(request: { at: Position; fields: readonly string[] }, call: Call): Promise<RedactionReport>;
  /** Copies closed files of the log to a folder of the host. @param request.directory absolute */
  archive(request: { directory: string; before?: At }, call: Call): Promise<ArchiveReport>;
  /** Gives up the beginning of the log. The call must give a reason. */
  prune(request: { before: At; unarchived: boolean }, call: Call): Promise<PruneReport>;
  /** Puts back what was pruned. @param request.directories absolute; together they have all of it */
  restore(request: { directories: readonly string[] }, call: Call): Promise<RestoreReport>;
}
