/** Checks the log as it lies on disk, beside its writer. */
export interface LogInspector {
  /** @param progress events checked so far, and the share of all bytes (0 to 1) */
  verify(progress: (events: number, share: number) => void): Promise<LogVerdict>;
  /** Bytes of the log's files. */
  bytes(): Promise<number>;
}

export type LogVerdict =
  | { readonly intact: true; readonly events: number /** Hexadecimal. */; readonly head: string }
  | { readonly intact: false /** File, offset, what. */; readonly damage: string };

/** What the host says of itself. */
export interface HostInspector {
  readonly os: string;
  readonly architecture: string;
  readonly kernel: string;
  readonly node: string;
  /** `v1`, `v2` or `hybrid`. */
  cgroup(): Promise<string>;
  /** First line of the OCI runtime's `--version`; empty where it can't be run. */
  runtimeVersion(): Promise<string>;
  /** Resident bytes of this process. */
  rss(): number;
}
