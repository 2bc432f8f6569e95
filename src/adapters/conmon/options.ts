import type { ProcessConfig, Resources } from '../../domain/container-config.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { CreateTask, Secrets } from '../../engine/ports/runtime.ts';

/** What {@link file://./conmon.ts} is made from. */
export interface ConmonOptions {
  /** Gone after a reboot; bundles and the OCI runtime's state lie under it. */
  readonly stateDirectory: string;
  readonly specification: SpecificationSource;
  /** conmon itself: a name in PATH, or an absolute path; `conmon` when absent. */
  readonly binary?: string;
  /** OCI runtime where the task names none; `runc` when absent. */
  readonly runtimeBinary?: string;
  /** Where it keeps its state, a folder for each namespace; a folder of the state directory when absent or empty. */
  readonly runtimeRoot?: string;
  /** Containers keep the session keyring of their conmon. */
  readonly noNewKeyring?: boolean;
  readonly logger: Logger;
  readonly timeouts?: Partial<ConmonTimeouts>;
  /** OCI runtimes that may be creating at once; 16 when absent. */
  readonly concurrency?: number;
}

/** Makes OCI runtime documents, as JSON text. */
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
export interface ConmonTimeouts {
  /** Until the OCI runtime has made a process. */
  readonly create: number;
  /** Every other call of the OCI runtime. */
  readonly call: number;
}

export const conmonTimeouts: ConmonTimeouts = { create: 60_000, call: 15_000 };
