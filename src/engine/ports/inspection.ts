/** Checks the log as it lies on disk, beside its writer. */
export interface LogInspector {
  /**
   * @param progress events checked so far, and the share of all bytes (0 to 1)
   * @param onLeaves told of the leaf hashes of the log's tree (RFC 6962), 32 bytes each, in order, with the position of the
   *   first; begins again at the horizon where it has to be looked at twice
   */
  verify(
    progress: (events: number, share: number) => void,
    onLeaves?: (hashes: Uint8Array, first: number) => Promise<void>,
  ): Promise<LogVerdict>;
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
