import type { Divergence } from '../domain/host.ts';
import type { Digest, ExecId, SnapshotId, SnapshotterName } from '../domain/identity.ts';
import type { Ending, IngestAddress, TaskAddress } from './effects.ts';
import type { Workflow } from './steps.ts';

/** What was really found on the host when the daemon started. */
export interface Found {
  readonly tasks: readonly FoundTask[];
  /** Tasks under whose root something is mounted. */
  readonly mounted: readonly TaskAddress[];
  /** Tasks, and execs of them, whose streams are held. */
  readonly streams: readonly (TaskAddress & { readonly execId?: ExecId })[];
  /** By snapshotter; one that is not here was not looked at. */
  readonly snapshots: ReadonlyMap<SnapshotterName, readonly SnapshotId[]>;
  readonly blobs: readonly Digest[];
  readonly ingests: readonly IngestAddress[];
  /** Containers that have files of their own. */
  readonly files: readonly TaskAddress[];
  /** Whether the kernel was started since the log was last written. */
  readonly rebooted: boolean;
}

export interface FoundTask {
  readonly task: TaskAddress;
  readonly state:
    | { readonly status: 'created' | 'running' | 'paused'; readonly pid: number }
    | { readonly status: 'stopped'; readonly exit: Ending }
    /** A bundle without a shim that answers. */
    | { readonly status: 'dead' }
    /** Its shim is there but did not answer in time. */
    | { readonly status: 'hung' };
  readonly execs: readonly ExecId[];
}

/** One thing to set right. */
export interface Repair {
  /** Absent where nothing is amiss, as for a task that simply runs on. */
  readonly divergence?: Divergence;
  readonly mend?: () => Workflow<unknown>;
  /** A task that is there: to be taken up again, before `mend`. */
  readonly adopt?: TaskAddress;
  /** Its processes run already, so their ends are to be waited for; those of a start that `mend` records are anyhow. */
  readonly watch?: { readonly task: boolean; readonly execs: readonly ExecId[] };
}
