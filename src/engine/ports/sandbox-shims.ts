import type { AnyValue } from '../../domain/any-value.ts';
import type { ClientMount } from '../../domain/client-order.ts';
import type { Namespace, Platform, SandboxId, Timestamp } from '../../domain/identity.ts';

/**
 * Shims that make sandboxes: one for each, which outlives the daemon. They speak containerd.runtime.sandbox.v1.
 *
 * Life of a sandbox. The log names the intent before each call here, and the outcome after it. `launch` makes the bundle,
 * starts the shim and has it make the sandbox; `start` lets it run; `wait` resolves when it has ended; `shutdown` frees
 * everything. After a restart of the daemon `list` tells what there is, and `adopt` takes a shim up again.
 *
 * Errors of a shim come as they are, code and words: `unimplemented` where it does not speak the sandbox API. `not-found`
 * for a sandbox that has no shim here, `unavailable` where its shim is gone, `deadline-exceeded` where it does not answer.
 */
export interface SandboxShims {
  /** What was made goes away when a step fails. @throws Rejection `already-exists`; `not-found` for a runtime that is not here */
  launch(order: SandboxOrder): Promise<void>;
  start(sandbox: SandboxKey): Promise<{ readonly pid: number; readonly createdAt?: Timestamp }>;
  /** Where containers of the sandbox are to run. */
  platform(sandbox: SandboxKey): Promise<Platform>;
  /** @param timeout seconds; 0 for the shim's own */
  stop(sandbox: SandboxKey, timeout: number): Promise<void>;
  wait(sandbox: SandboxKey): Promise<SandboxEnding>;
  status(sandbox: SandboxKey, verbose: boolean): Promise<SandboxReport>;
  metrics(sandbox: SandboxKey): Promise<SandboxMetrics>;
  /** Shuts the shim down and frees what it held, by force where it does not go. */
  shutdown(sandbox: SandboxKey): Promise<void>;
  /** How to talk to the shim. @throws Rejection `not-found` */
  endpoint(sandbox: SandboxKey): SandboxEndpoint;
  /** Every sandbox that has a bundle, named by the log or not. */
  list(): Promise<readonly SandboxKey[]>;
  /** Takes up the shim of a sandbox that `list` told. @throws Rejection `unavailable` where it is gone */
  adopt(sandbox: SandboxKey): Promise<void>;
  /** Ends whatever is left of a sandbox by force; nothing happens where all is gone. */
  purge(sandbox: SandboxKey): Promise<void>;
  /** Lets go of connections; sandboxes go on. */
  close(): void;
}

export interface SandboxKey {
  readonly namespace: Namespace;
  readonly id: SandboxId;
}

export interface SandboxOrder {
  readonly sandbox: SandboxKey;
  readonly runtime: { readonly name: string; readonly options?: AnyValue | undefined };
  /** For config.json in the bundle; `{}` where it is absent. */
  readonly spec?: AnyValue | undefined;
  readonly rootfs: readonly ClientMount[];
  /** For the shim, with the creation. */
  readonly options?: AnyValue | undefined;
  /** Path of a network namespace; may be empty. */
  readonly netns: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface SandboxEnding {
  readonly exitStatus: number;
  readonly exitedAt: Timestamp;
}

/** What a shim says of its sandbox. */
export interface SandboxReport {
  readonly pid: number;
  /** In the shim's own words. */
  readonly state: string;
  readonly info: Readonly<Record<string, string>>;
  readonly createdAt?: Timestamp;
  readonly exitedAt?: Timestamp;
  readonly extra?: AnyValue;
}

export interface SandboxMetrics {
  readonly id: string;
  readonly at?: Timestamp;
  readonly data?: AnyValue;
}

export interface SandboxEndpoint {
  readonly address: string;
  /** Of the task API that the shim says it serves. */
  readonly version: number;
}
