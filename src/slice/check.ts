import { z } from 'zod';
import { Metadata, Subject } from '../domain/envelope.ts';
import { keepingEvents } from '../domain/keeping.ts';
import { CompactRange } from '../tlog/compact-range.ts';
import { TlogError } from '../tlog/error.ts';
import { dataOf, decodeRecord, SALT_BYTES } from '../tlog/event-record.ts';
import { type Hash, hashHex, leafHash, sameHash, sha256 } from '../tlog/hash.ts';
import type { Verifier } from '../tlog/key.ts';
import { readHeads, type SliceHead } from './check-heads.ts';
import { PartSums } from './encode.ts';
import { cutShort, Fault, hashOf, jsonOf, outOfReach, parsed, unreadable } from './fault.ts';
import {
  END,
  End,
  eventsPath,
  MANIFEST,
  Manifest,
  recordsIn,
  type SlicePart,
  type SliceRecord,
  statePath,
} from './format.ts';

/** What a slice was found to be. */
export interface SliceReport {
  readonly verdict: 'sound' | 'unsound' | 'unreadable';
  /** What is wrong, else what was found right. */
  readonly message: string;
  /** The first position that is wrong, where something is and it can be told. */
  readonly position?: number;
  /** What the reader should know of it besides. */
  readonly notes: readonly string[];
  readonly manifest?: Manifest;
  /** Payloads that are left out. */
  readonly leftOut: number;
  /** Payloads that were redacted in the log before. */
  readonly redacted: number;
}

export interface SliceTrust {
  /** Keys that the reader trusts; with none, only hashes are checked. */
  readonly verifiers: readonly Verifier[];
  /** Heads that were kept elsewhere. */
  readonly kept: readonly SliceHead[];
}

/** An event that was read, and checked by itself. */
export interface SlicedFact {
  readonly position: number;
  readonly head: z.infer<typeof EnvelopeHead>;
  readonly data: unknown;
}

const EnvelopeHead = z.object({
  type: z.string().min(1),
  version: z.number().int().positive(),
  subject: Subject,
  meta: Metadata,
});

/** What stands for data that is left out, and the version of its shape. */
const StandIn = z.object({ version: z.number().int().positive(), data: z.unknown() });

/** Takes the parts of a slice one after another, and says at the end what it is. */
export class SliceCheck {
  readonly #trust: SliceTrust;
  readonly #sums = new PartSums();
  #manifest: Manifest | undefined;
  #heads: readonly SliceHead[] = [];
  #skipped = 0;
  #tree = new CompactRange();
  /** The tree by the leaf hashes that came with the events, from the first that differs on. */
  #told: CompactRange | undefined;
  #differs: number | undefined;
  #held = 0;
  #stateParts = 0;
  #begun = false;
  #next = 0;
  #leftOut = 0;
  #ended = false;
  /** Payloads that are not what their heads vouch for, by position: hash of what is there. */
  readonly #deviations = new Map<number, string>();
  /** What redactions say should be there. */
  readonly #redactions = new Map<number, string>();
  #fault: Fault | undefined;

  constructor(trust: SliceTrust) {
    this.#trust = trust;
  }

  /** Whether nothing more needs to be read. */
  get failed(): boolean {
    return this.#fault !== undefined;
  }

  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  /** Takes one part. @param each told of its events */
  take(part: SlicePart, each: (event: SlicedFact) => void = () => undefined): void {
    if (this.failed) return;
    try {
      this.#take(part, each);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The reading ended by itself, or with what was thrown. */
  report(error?: unknown): SliceReport {
    if (!this.failed) {
      try {
        if (error !== undefined) throw error;
        this.#finish();
      } catch (failure) {
        this.#fail(failure);
      }
    }
    const counts = { leftOut: this.#leftOut, redacted: this.#deviations.size };
    const about = this.#manifest === undefined ? {} : { manifest: this.#manifest };
    if (this.#fault === undefined) {
      return { verdict: 'sound', message: this.#soundness(), notes: this.#notes(), ...about, ...counts };
    }
    const { verdict, message, position } = this.#fault;
    const where = position === undefined ? {} : { position };
    return { verdict, message, notes: [], ...where, ...about, ...counts };
  }

  #fail(error: unknown): void {
    if (error instanceof Fault) this.#fault = error;
    else if (!(error instanceof TlogError)) throw error;
    else if (this.#manifest === undefined) this.#fault = unreadable(error.message);
    else this.#fault = new Fault(error.message, this.#begun ? this.#next : undefined);
  }

  #take(part: SlicePart, each: (event: SlicedFact) => void): void {
    const { path, bytes } = part;
    if (this.#ended) throw new Fault(`'${path}' stands after the end of the slice`);
    if (path === END) {
      this.#end(bytes);
      return;
    }
    this.#sums.add(part);
    if (this.#manifest === undefined) {
      this.#begin(path, bytes);
      return;
    }
    if (path === statePath(this.#stateParts) && this.#next === this.#manifest.from) {
      this.#stateParts += 1;
      return;
    }
    if (path !== eventsPath(this.#next)) {
      throw new Fault(`'${path}' stands where the event at position ${this.#next} is due`, this.#next);
    }
    for (const record of recordsIn(bytes)) this.#event(record, each);
  }

  #begin(path: string, bytes: Uint8Array): void {
    if (path !== MANIFEST) throw unreadable(`the file is no slice: it begins with '${path}'`);
    const manifest = parsed(Manifest, bytes, 'the manifest');
    this.#manifest = manifest;
    const { heads, skipped, covering } = readHeads(manifest, this.#trust.verifiers);
    const { from, to } = manifest;
    for (const { size, origin } of this.#trust.kept) {
      if (origin !== covering.origin) {
        throw new Fault(`the head that was kept is of '${origin}', the slice of '${covering.origin}'`);
      }
      if ((size < from || size > to) && size !== covering.size) throw unreadable(outOfReach(size, manifest));
    }
    this.#skipped = skipped;
    this.#heads = [...heads, ...this.#trust.kept].sort((one, other) => one.size - other.size);
    this.#tree = CompactRange.of(0, from, manifest.proof.left.map(hashOf));
    this.#next = from;
    this.#held = from;
    this.#begun = true;
    this.#hold();
  }

  #event(record: SliceRecord, each: (event: SlicedFact) => void): void {
    const { to } = this.#manifest ?? { to: 0 };
    const position = this.#next;
    if (position >= to) throw new Fault(`the slice ends at position ${to}, and goes on`, position);
    const fact = this.#read(record, position);
    const leaf = leafHash(record.entry);
    if (!sameHash(leaf, record.leaf)) {
      this.#differs ??= position;
      this.#told ??= this.#tree.copy();
    }
    this.#tree.append(leaf);
    this.#told?.append(record.leaf.slice());
    this.#next += 1;
    each(fact);
    this.#hold();
  }

  #read({ entry, payload, standIn }: SliceRecord, position: number): SlicedFact {
    const wrong = (what: string) => new Fault(`event ${position}: ${what}`, position);
    const record = decodeRecord(entry);
    if (record.position !== position) throw wrong(`it says that it is event ${record.position}`);
    const head = EnvelopeHead.safeParse(jsonOf(record.head, wrong));
    if (!head.success) throw wrong(`it is no envelope: ${z.prettifyError(head.error)}`);
    if (standIn) {
      this.#leftOut += 1;
      const stands = StandIn.safeParse(jsonOf(Buffer.from(payload).toString(), wrong));
      if (!stands.success) throw wrong('what stands for its payload is not as it should be');
      const { version, data } = stands.data;
      return { position, head: { ...head.data, version }, data };
    }
    if (payload.length !== record.dataBytes || payload.length < SALT_BYTES) {
      throw wrong(`its payload has ${payload.length} bytes, and its head says ${record.dataBytes}`);
    }
    const text = dataOf(record, payload);
    if (text === undefined) this.#deviations.set(position, hashHex(sha256(payload)));
    const data = jsonOf(text ?? Buffer.from(payload.subarray(SALT_BYTES)).toString(), wrong);
    if (text !== undefined && head.data.type === 'payload-redacted') this.#redaction(position, data);
    return { position, head: head.data, data };
  }

  #redaction(position: number, data: unknown): void {
    const redaction = keepingEvents['payload-redacted'].data.safeParse(data);
    if (!redaction.success) return;
    const redacted = Number(redaction.data.position);
    if (redacted < position) this.#redactions.set(redacted, redaction.data.replacement);
  }

  /** Holds the tree so far against the heads of its size. */
  #hold(): void {
    for (const head of this.#heads) {
      if (head.size !== this.#next) continue;
      if (!sameHash(this.#tree.root(), head.root)) throw this.#parted(head, this.#told?.root());
      this.#held = head.size;
    }
  }

  #parted(head: SliceHead, told: Hash | undefined): Fault {
    const whose = head.given ? 'the head that was kept' : 'the head that was signed';
    const what = `the events are not those of ${whose}, of ${head.size} events`;
    if (this.#differs !== undefined && told !== undefined && sameHash(told, head.root)) {
      return new Fault(`${what}: event ${this.#differs} is the first that differs`, this.#differs);
    }
    const end = Math.min(head.size, this.#next);
    const first = `the first that differs is from position ${this.#held} on, below ${end}`;
    return new Fault(`${what}: ${first}, or the hashes around it are wrong`, this.#held);
  }

  #end(bytes: Uint8Array): void {
    const manifest = this.#manifest;
    if (manifest === undefined) throw unreadable('the file is no slice: it has no manifest');
    const { events, leftOut, sha256: sum } = parsed(End, bytes, 'the end of the slice');
    const { from, to } = manifest;
    if (this.#next < to) throw cutShort(this.#next, to);
    this.#ended = true;
    const right = CompactRange.of(to, manifest.treeSize, manifest.proof.right.map(hashOf));
    this.#tree.merge(right);
    this.#told?.merge(right);
    for (const head of this.#heads) {
      if (head.size <= to) continue;
      if (!sameHash(this.#tree.root(), head.root)) throw this.#parted(head, this.#told?.root());
    }
    for (const [position, hash] of this.#deviations) {
      if (this.#redactions.get(position) === hash) continue;
      const what = 'its payload is not what its head vouches for, and no later event redacts it';
      throw new Fault(`event ${position}: ${what}`, position);
    }
    if (this.#differs !== undefined) {
      throw new Fault(
        `event ${this.#differs}: the hash that came with it is of another event`,
        this.#differs,
      );
    }
    if (events !== to - from || leftOut !== this.#leftOut || sum !== this.#sums.digest()) {
      throw new Fault(
        'the slice was changed: its parts are not those that it was made of; its events are proven',
      );
    }
  }

  #finish(): void {
    if (this.#manifest === undefined) throw unreadable('the file is no slice: it is empty');
    if (!this.#ended) throw cutShort(this.#next, this.#manifest.to);
  }

  #soundness(): string {
    const { from = 0, to = 0, treeSize = 0, origin = '' } = this.#manifest ?? {};
    const { length } = this.#trust.kept;
    const kept =
      length === 0
        ? ''
        : `, and lead to ${length === 1 ? 'the head that was' : `${length} heads that were`} kept`;
    const head = this.#trust.verifiers.length === 0 ? 'the head that came with them' : 'the signed head';
    return `events ${from} to ${to - 1} of '${origin}' stand at their places in the tree of ${treeSize} events of ${head}${kept}`;
  }

  #notes(): string[] {
    const { state, from = 0 } = this.#manifest ?? {};
    const notes: string[] = [];
    if (this.#trust.verifiers.length === 0) {
      notes.push(
        'no key was given: whoever made the file may have made all of it; give the public key with --key',
      );
    }
    if (this.#leftOut > 0) {
      const payloads = this.#leftOut === 1 ? '1 payload was' : `${this.#leftOut} payloads were`;
      notes.push(`${payloads} left out; what stands there is not proven`);
    }
    if (this.#deviations.size > 0) {
      notes.push(
        `${this.#deviations.size} payloads were redacted in the log, by events that are in the slice`,
      );
    }
    if (state === 'whole' || state === 'cleaned') {
      notes.push(
        `the state before position ${from} is what the maker of the slice says; no head vouches for it`,
      );
    }
    if (this.#skipped > 0)
      notes.push(`${this.#skipped} heads within it are of other keys, and were not asked`);
    return notes;
  }
}
