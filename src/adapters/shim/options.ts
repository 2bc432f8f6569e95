import type { ProcessConfig, Resources } from '../../domain/container-config.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Mounter } from '../../engine/ports/mounts.ts';
import type { CreateTask, Secrets } from '../../engine/ports/runtime.ts';

/** What {@link file://./runtime.ts} is made from. */
export interface ShimRuntimeOptions {
  /** Gone after a reboot; bundles, runc's state and nothing else of ours lie under it. */
  readonly stateDirectory: string;
  /** Socket of the daemon. Shims derive the names of their own sockets from it, so it must be this daemon's alone. */
  readonly address: string;
  /** Where shims forward their events to; served here, mode 0600, for our shims alone. */
  readonly ttrpcAddress: string;
  readonly specification: SpecificationSource;
  /** OCI runtime that shims call where the task names none; `runc` when absent. */
  readonly runtimeBinary?: string;
  /** Where that keeps its state, a folder for each namespace; below the state directory when absent or empty. */
  readonly runtimeRoot?: string;
  /** Control group of shims; the daemon's when absent or empty. */
  readonly shimCgroup?: string;
  /** Containers keep the session keyring of their shim. */
  readonly noNewKeyring?: boolean;
  /** Processes of different shims never share a core. */
  readonly coreScheduling?: boolean;
  /** Mounts roots under mapped ids, which shims know too late (containerd 2.0) or not at all; they try by themselves when absent. */
  readonly mounter?: Pick<Mounter, 'mount'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timeouts?: Partial<ShimTimeouts>;
  /** Shims that may be starting at once, and as many that may be cleaned up after; 16 when absent. */
  readonly concurrency?: number;
}

/** Makes OCI runtime documents, as JSON text. Kept apart, so that this adapter knows shims and nothing of specifications. */
export interface SpecificationSource {
  /**
   * The document for config.json.
   * @param bundle directory for files that the container needs and that go with it
   */
  container(request: CreateTask, bundle: string): Promise<string>;
  /** The process document of an exec, from the document that the container was created with. */
  process(container: string, process: ProcessConfig, secrets: Secrets): Promise<string>;
  /** The LinuxResources document of an update. */
  resources(resources: Resources): string;
}

/** Milliseconds. */
export interface ShimTimeouts {
  /** Starting a shim, until it told its address. */
  readonly shimStart: number;
  readonly connect: number;
  /** create, start and exec: runc runs inside. */
  readonly create: number;
  /** Writing images of processes: as long as their memory takes. */
  readonly checkpoint: number;
  /** Everything else but Wait, which has no end. */
  readonly call: number;
  /** One shim in `probe`, all its questions together. */
  readonly probe: number;
  /** A shim's own clean-up, and runc's. */
  readonly purge: number;
  /** For a shim to be gone after it agreed to shut down. */
  readonly shutdown: number;
}

export const shimTimeouts: ShimTimeouts = {
  shimStart: 20_000,
  connect: 5_000,
  create: 60_000,
  checkpoint: 600_000,
  call: 15_000,
  probe: 2_000,
  purge: 15_000,
  shutdown: 3_000,
};
