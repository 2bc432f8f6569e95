import type { Recorded } from '../../domain/envelope.ts';
import type { Position, Timestamp } from '../../domain/identity.ts';
import type { SigningFault, SigningKey } from '../../domain/signing.ts';
import type { At } from './at.ts';
import type { Call } from './call.ts';

/**
 * What the tree over the log is made of. A leaf's entry is the head record of an event: position, sizes, hash of its
 * data, and everything else about it.
 */
export interface LeafSource {
  /**
   * Leaf hashes (RFC 6962) of durable events, in batches small enough for the event loop.
   * @throws Rejection `failed-precondition` below the horizon
   */
  leaves(from: Position, to: Position): AsyncIterable<LeafBatch>;
  /** Entries of durable events, each with the salted data that its hash is of. */
  entries(from: Position, to: Position): AsyncIterable<readonly LeafEntry[]>;
}

export interface LeafBatch {
  readonly first: Position;
  /** 32 bytes each, back to back. */
  readonly hashes: Uint8Array;
}

export interface LeafEntry {
  readonly entry: Uint8Array;
  readonly data: Uint8Array;
  /** Hash of the data, hexadecimal, where it is not the one in the entry: it was redacted. */
  readonly differs?: string;
  readonly event: () => Recorded;
}

/** A signed statement of what the log was: how many events, and the root of the tree over them. */
export interface TreeHead {
  readonly size: Position;
  /** Hexadecimal. */
  readonly root: string;
  readonly time: Timestamp;
  /** The whole of it, as signed: C2SP tlog-checkpoint. */
  readonly note: string;
}

/** A file of a tlog-tiles folder. */
export interface TileFile {
  /** As `checkpoint`, `tile/0/000.p/7`, `tile/entries/000`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A file that proves something to whoever has the public key; its text is JSON. */
export interface ProofDocument {
  readonly text: string;
  readonly head: TreeHead;
}

export interface Verdict {
  readonly ok: boolean;
  /** What is wrong and from which position on, else how much was found right. */
  readonly message: string;
  /** The first position that is not as signed, where that is known. */
  readonly position?: Position;
}

/** Keys, tree and signed heads, on disk. */
export interface TreeHeads {
  /** Public keys of which the private part is here. */
  keys(): Promise<readonly string[]>;
  /** Makes a key, durably. @returns its public part */
  makeKey(name: string): Promise<string>;
  /** Removes the private part of keys that sign no more. */
  forgetKeys(vkeys: readonly string[]): Promise<void>;
  /** The newest head. */
  latest(): Promise<TreeHead | undefined>;
  /** Heads signed since a time, oldest first. */
  heads(since?: Timestamp): AsyncIterable<TreeHead>;
  /** Whether the log still leads to the newest head. @returns what speaks against it */
  check(durable: Position): Promise<{ readonly what: SigningFault; readonly detail: string } | undefined>;
  /**
   * Signs and keeps a head of the first `size` events, which are durable.
   * @param vkeys public keys that sign; the name of the last one names the log
   */
  sign(order: { size: Position; wall: Timestamp; vkeys: readonly string[] }): Promise<TreeHead>;
  /**
   * Proves that an event is in the log that a head is of: the newest, or that of a size.
   * @throws Rejection `not-found` where no head of that size, or none beyond the event, was signed
   */
  proveEvent(at: Position, size?: Position): Promise<ProofDocument>;
  /** Proves that one head's log begins another's. */
  proveConsistency(older: Position, newer: Position): Promise<ProofDocument>;
  /** Proves that the events from `from` to `to` stand together in the log that a head is of. */
  proveRange(from: Position, to: Position, head: TreeHead): Promise<RangeHashes>;
  /** Begins to check the log against all heads here and those given. */
  checking(order: VerifyOrder): Promise<HeadCheck>;
  /** A whole tlog-tiles folder for the newest head. */
  tiles(): AsyncIterable<TileFile>;
}

/** Hashes of the subtrees before and after a stretch of the log, from left to right. */
export interface RangeHashes {
  readonly left: readonly Uint8Array[];
  readonly right: readonly Uint8Array[];
}

export interface VerifyOrder {
  readonly horizon: Position;
  /** Public keys that may have signed. */
  readonly vkeys: readonly string[];
  /** Heads that were kept elsewhere. */
  readonly notes: readonly string[];
}

/** Holds a log against signed heads while somebody reads through it. */
export interface HeadCheck {
  /**
   * Takes the leaf hashes of the events from `first` on, 32 bytes each, in order; from the horizon on it begins again.
   * They are not to be changed afterwards.
   * @throws Rejection `aborted` where the log is pruned or restored meanwhile
   */
  take(hashes: Uint8Array, first: number): Promise<void>;
  /** What came of it, once all were given. */
  verdict(): Promise<Verdict>;
}

/** The state of the signing key. */
export interface KeyView {
  /** Oldest first; the last one signs. */
  readonly keys: readonly SigningKey[];
  readonly stopped?: SigningFault;
}

/** What the log can prove (driving). */
export interface ProofsApi {
  /** The newest head. @param fresh sign one of all that is durable now */
  head(options: { fresh: boolean }): Promise<TreeHead>;
  heads(since?: Timestamp): AsyncIterable<TreeHead>;
  proveEvent(at: Position, size?: Position): Promise<ProofDocument>;
  proveConsistency(older: Position, newer: Position): Promise<ProofDocument>;
  tiles(): AsyncIterable<TileFile>;
  /** A stretch of the log to take along: events, state, proofs. */
  slice(query: SliceQuery, call: Call): AsyncIterable<SlicePiece>;
  keys(): KeyView;
  rotateKey(call: Call): Promise<KeyView>;
  /** Begins anew with another key where the old one can't sign. */
  replaceKey(call: Call): Promise<KeyView>;
}

export interface SliceQuery {
  readonly from: At;
  /** Exclusive; what is durable when absent. */
  readonly to?: At;
  /** Types of events and subjects whose payloads are left out. */
  readonly redact: readonly string[];
}

/** A slice comes as one `begin`, the lines of its state, its events. */
export type SlicePiece =
  | ({ readonly kind: 'begin' } & SliceBegin)
  | { readonly kind: 'state'; readonly lines: readonly string[] }
  | { readonly kind: 'events'; readonly events: readonly SliceEvent[] };

export interface SliceBegin {
  readonly program: string;
  readonly hostId: string;
  readonly from: Position;
  readonly to: Position;
  /** By size; the last one covers the slice. */
  readonly heads: readonly TreeHead[];
  readonly keys: readonly string[];
  readonly proof: RangeHashes;
  /** What the lines of the state are made by. */
  readonly schema: string;
  /** That of an empty log, as it was, without the values of events that are left out, or not here. */
  readonly state: 'empty' | 'whole' | 'cleaned' | 'left-out';
  readonly redact: readonly string[];
  readonly reason?: string;
}

export interface SliceEvent {
  readonly entry: Uint8Array;
  /** Salted data, else JSON of `version` and `data` that stand for it. */
  readonly payload: Uint8Array;
  readonly standIn: boolean;
}
