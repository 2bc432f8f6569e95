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
/** Where the tag and the text of an entry begin. */
export const tagAt = timeLength + ' stdout '.length;
export const textAt = tagAt + 2;

const lineFeed = 0x0a;
const newline = Buffer.from('\n');

/** @param micros microseconds since the Unix epoch */
export const formatTime = (micros: number): string => {
  const seconds = new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19);
  const fraction = String(micros % 1_000_000).padStart(6, '0');
  return `${seconds}.${fraction}000Z`;
};

/** Cuts output into entries, each a list of buffers to write. */
export const formatEntries = (stream: StreamName, bytes: Buffer, micros: number): Buffer[] => {
  const head = `${formatTime(micros)} ${stream}`;
  const full = Buffer.from(`${head} F `);
  const part = Buffer.from(`${head} P `);
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const found = bytes.indexOf(lineFeed, at);
    const lineEnd = found < 0 ? bytes.length : found;
    const end = Math.min(lineEnd, at + entryTextLimit);
    const whole = found >= 0 && end === found;
    entries.push(Buffer.concat([whole ? full : part, bytes.subarray(at, end), newline]));
    at = whole ? end + 1 : end;
  }
  return entries;
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
  const head = line.toString('latin1', 0, textAt);
  const matched = /^(\S{19})\.(\d{6})\d{3}Z (stdout|stderr) ([FP]) $/.exec(head);
  if (matched === null) return undefined;
  const [, seconds, fraction, stream, tag] = matched;
  const time = Date.parse(`${seconds}Z`) * 1000 + Number(fraction);
  if (Number.isNaN(time)) return undefined;
  return {
    time,
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    full: tag === 'F',
    text: line.subarray(textAt),
  };
};
