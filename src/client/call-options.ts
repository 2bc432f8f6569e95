export interface CallOptions {
  /** Cancels the call; it then fails with `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  /** Fails the call with `deadline-exceeded` after so many milliseconds; none by default. */
  readonly timeoutMs?: number | undefined;
}
