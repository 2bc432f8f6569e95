/** A log to be looked at away from its host: a slice of one, or the folder of a whole one. */
export interface PastOrder {
  readonly kind: 'slice' | 'log';
  /** Absolute. */
  readonly path: string;
  /** Public keys that may have signed a slice; with none, only its hashes are checked. */
  readonly keys: readonly string[];
}

/** A log that is being looked at. */
export interface OpenedPast {
  /** The socket where it answers. */
  readonly address: string;
  /** What whoever asks it should know. */
  readonly notes: readonly string[];
  /** Takes away everything that was made for it. */
  close(): Promise<void>;
}
