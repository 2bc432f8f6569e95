/**
 * The log format of Kubernetes' container runtime interface: one entry a line,
 *
 *     2026-01-02T03:04:05.123456789Z stdout F the text
 *
 * `F` ends a line of the output, `P` is a part of one that goes on in the next entry of the same stream. The text of
 * all entries, with a line break after each `F`, is the output byte for byte.
 */
export type StreamName = 'stdout' | 'stderr';

/** Most text in one entry, in bytes; the limit that the interface's readers expect. */
export const entryTextLimit = 16 * 1024;

const timeLength = '2026-01-02T03:04:05.123456789Z'.length;
/** conmon writes the offset of the time zone in digits, which in UTC is +00:00. */
const offsetLength = '+00:00'.length;
const utc = 'Z'.charCodeAt(0);
const headLength = ' stdout '.length;
/** Where the text of an entry of ours begins. */
const textAt = timeLength + headLength + 2;
/** Most bytes before the text. */
export const entryHeadLimit = textAt + offsetLength - 1;

/** Where the tag of an entry stands that begins at `begin`. */
export const tagOf = (buffer: Buffer, begin: number): number =>
  begin + timeLength + headLength + (buffer[begin + timeLength - 1] === utc ? 0 : offsetLength - 1);

const lineFeed = 0x0a;

/** @param micros microseconds since the Unix epoch */
export const formatTime = (micros: number): string => {
  const seconds = new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19);
  const fraction = String(micros % 1_000_000).padStart(6, '0');
  return `${seconds}.${fraction}000Z`;
};

export interface FormattedEntries {
  readonly bytes: Buffer;
  /** Where each entry ends in `bytes`; between two of these it may be cut. */
  readonly ends: readonly number[];
}

/** Cuts output into entries. One buffer for all: a busy container writes a million lines a second. */
export const formatEntries = (stream: StreamName, bytes: Buffer, micros: number): FormattedEntries => {
  const head = `${formatTime(micros)} ${stream}`;
  const full = Buffer.from(`${head} F `);
  const part = Buffer.from(`${head} P `);
  const cuts: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(lineFeed, at);
    const lineEnd = found < 0 ? bytes.length : found + 1;
    at = Math.min(lineEnd, at + entryTextLimit);
    // A break right after a full part belongs to it, so that no empty entry follows.
    if (bytes[at] === lineFeed && at + 1 === lineEnd) at++;
    cuts.push(at);
  }
  const formatted = Buffer.allocUnsafe(bytes.length + cuts.length * (textAt + 1));
  const ends: number[] = [];
  let from = 0;
  let to = 0;
  for (const cut of cuts) {
    const whole = bytes[cut - 1] === lineFeed;
    to += (whole ? full : part).copy(formatted, to);
    to += bytes.copy(formatted, to, from, cut);
    if (!whole) to = formatted.writeUInt8(lineFeed, to);
    ends.push(to);
    from = cut;
  }
  return { bytes: formatted.subarray(0, to), ends };
};

export interface CriEntry {
  /** Microseconds since the Unix epoch. */
  readonly time: number;
  readonly stream: StreamName;
  /** Whether this ends a line of the output. */
  readonly full: boolean;
  readonly text: Buffer;
}

/** @param line without its line break. @returns undefined for a line that is no entry (torn by a crash) */
export const parseEntry = (line: Buffer): CriEntry | undefined => {
  const head = line.toString('latin1', 0, entryHeadLimit);
  const matched = /^(\S{19})\.(\d{6})\d{3}(Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP]) /.exec(head);
  if (matched === null) return undefined;
  const [begin, seconds, fraction, zone, stream, tag] = matched;
  const time = Date.parse(`${seconds}${zone}`) * 1000 + Number(fraction);
  if (Number.isNaN(time)) return undefined;
  return {
    time,
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    full: tag === 'F',
    text: line.subarray(begin.length),
  };
};
