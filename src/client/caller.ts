export interface Caller {
  /** What the client calls itself. */
  readonly client?: string;
  /** Why, in the caller's own words; kept in the log with each event the call makes. */
  readonly reason?: string;
}
