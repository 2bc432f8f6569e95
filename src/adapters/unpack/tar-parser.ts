import type { TarEntry } from './entry.ts';
import { LayerError } from './layer-error.ts';
import { parsePaxRecords } from './pax.ts';
import { BLOCK, combine, type Extensions, noExtensions, parseHeader, type RawHeader } from './tar-header.ts';

/** Takes what the parser finds. `data` bytes are only lent: they change after the call. */
export interface TarSink {
  entry(entry: TarEntry): void;
  data(bytes: Buffer): void;
  /** The content of the last entry is complete. */
  end(): void;
}

/** Bytes of one pax header or long name. Go's reader, and so containerd, takes as much. */
const EXTENSION_BYTES = 1024 * 1024;

const isZero = (block: Buffer): boolean => {
  for (let index = 0; index < BLOCK; index += 1) if (block[index] !== 0) return false;
  return true;
};

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

const withoutNul = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
};

type State = 'header' | 'extension' | 'data' | 'padding' | 'ended';

/**
 * A tar parser that is fed bytes as they come, without copying contents: ustar, pax, GNU long names and base-256
 * numbers. Sparse files are refused. It works on bytes, so that names and pax values which are not UTF-8 stay exact.
 */
export class TarParser {
  readonly #sink: TarSink;
  #state: State = 'header';
  /** Of the current part: bytes still to come. */
  #remaining = 0;
  /** A part that must be whole to be read and came in pieces: a header block, or an extension. */
  #pieces: Buffer[] = [];
  #padding = 0;
  #raw: RawHeader | undefined;
  #extensions: Extensions = noExtensions;
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
    this.#expect('header', BLOCK);
  }

  /** @throws LayerError */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== 'ended') {
      const part = chunk.subarray(at, at + this.#remaining);
      at += part.length;
      this.#remaining -= part.length;
      this.#take(part);
    }
  }

  /** No more bytes will come. @throws LayerError where something is missing */
  finish(): void {
    const between = this.#state === 'header' && this.#remaining === BLOCK;
    const pending = this.#extensions !== noExtensions;
    if (this.#state === 'ended' || (between && !pending)) return;
    // the last file's padding may be cut off; nothing of it is lost
    if (this.#state === 'padding' && !pending) return;
    throw new LayerError('the archive ends in the middle of an entry');
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#remaining = bytes;
  }

  #take(part: Buffer): void {
    if (this.#state === 'data') {
      this.#sink.data(part);
      if (this.#remaining === 0) this.#endEntry();
      return;
    }
    if (this.#state === 'padding') {
      if (this.#remaining === 0) this.#expect('header', BLOCK);
      return;
    }
    if (this.#remaining > 0) {
      this.#pieces.push(Buffer.from(part)); // copied: the caller uses its buffer again
      return;
    }
    const whole = this.#pieces.length === 0 ? part : Buffer.concat([...this.#pieces, part]);
    this.#pieces = [];
    if (this.#state === 'header') this.#header(whole);
    else this.#extension(whole);
  }

  #header(block: Buffer): void {
    if (block[0] === 0 && isZero(block)) {
      this.#zeroBlocks += 1;
      if (this.#extensions !== noExtensions)
        throw new LayerError('the archive ends after an extended header');
      // two zero blocks end an archive; whatever follows means nothing
      this.#expect(this.#zeroBlocks === 2 ? 'ended' : 'header', BLOCK);
      return;
    }
    if (this.#zeroBlocks > 0) throw new LayerError('a single zero block stands between two entries');
    const raw = parseHeader(block);
    if ('xgLK'.includes(raw.flag)) {
      if (raw.size < 0 || raw.size > EXTENSION_BYTES) {
        throw new LayerError(
          `an extended header of ${raw.size} bytes is over the limit of ${EXTENSION_BYTES}`,
        );
      }
      this.#raw = raw;
      this.#expect('extension', raw.size);
      if (raw.size === 0) this.#extension(Buffer.alloc(0));
      return;
    }
    this.#entry(combine(raw, this.#extensions));
  }

  #entry(entry: TarEntry): void {
    this.#extensions = noExtensions;
    this.#padding = paddingOf(entry.size);
    this.#sink.entry(entry);
    if (entry.size === 0) this.#endEntry();
    else this.#expect('data', entry.size);
  }

  #endEntry(): void {
    this.#sink.end();
    this.#skipPadding(this.#padding);
  }

  #skipPadding(bytes: number): void {
    if (bytes === 0) this.#expect('header', BLOCK);
    else this.#expect('padding', bytes);
  }

  #extension(bytes: Buffer): void {
    const flag = this.#raw?.flag;
    if (flag === 'x') this.#extensions = { ...this.#extensions, pax: parsePaxRecords(bytes) };
    else if (flag === 'L') this.#extensions = { ...this.#extensions, longName: withoutNul(bytes) };
    else if (flag === 'K') this.#extensions = { ...this.#extensions, longLink: withoutNul(bytes) };
    // global records are only checked: containerd passes over them too
    else parsePaxRecords(bytes);
    this.#skipPadding(paddingOf(bytes.length));
  }
}
