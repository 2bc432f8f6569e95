import { UsageError } from '../exit-codes.ts';

const seconds: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

const unitOf = (word: string): number | undefined => {
  if (Object.hasOwn(seconds, word)) return seconds[word];
  const long = /^(second|minute|hour|day|week|sec|min|hr)s?$/.exec(word)?.[1];
  return long === undefined ? undefined : seconds[long[0] ?? ''];
};

/** Seconds from `10m`, `1h30m`, `1.5h`, `10 minutes`; undefined for anything else. */
const parseSpan = (text: string): number | undefined => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*(?:,|and)?\s*/gy)];
  if (parts.length === 0 || parts.reduce((length, part) => length + part[0].length, 0) !== text.length) {
    return undefined;
  }
  let total = 0;
  for (const [, count, word] of parts) {
    const unit = unitOf(word ?? '');
    if (unit === undefined) return undefined;
    total += Number(count) * unit;
  }
  return total;
};

/** RFC 3339, also only its beginning (`2026-11-21`, `2026-11-21T10:30`); without an offset it is local time. */
const parseDate = (text: string): number | undefined => {
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d(?::\d\d(?::\d\d)?)?)(\.\d{1,9})?([Zz]|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (!match) return undefined;
  const [, date, clock = '00:00:00', fraction = '', zone = ''] = match;
  const whole = clock.length === 2 ? `${clock}:00:00` : clock.length === 5 ? `${clock}:00` : clock;
  const millis = Date.parse(`${date}T${whole}${zone.toUpperCase()}`);
  // JavaScript takes the 30th of February for the 2nd of March.
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) return undefined;
  return Number.isNaN(millis) ? undefined : millis * 1000 + Math.floor(Number(`0${fraction || '.0'}`) * 1e6);
};

/**
 * A point in time, in microseconds since the Unix epoch: RFC 3339, seconds since the epoch (`1764000000`,
 * `1764000000.5`), or how long ago (`10m`, `1h30m`, `10 minutes ago`), and `now`.
 *
 * @param nowMs milliseconds since the epoch
 * @throws UsageError
 */
export const parseTime = (text: string, nowMs: number): bigint => {
  const plain = text.trim().toLowerCase();
  if (plain === 'now') return BigInt(nowMs) * 1000n;
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(plain);
  if (unix) return BigInt(unix[1] ?? '') * 1_000_000n + BigInt((unix[2] ?? '').padEnd(6, '0').slice(0, 6));
  const date = parseDate(text.trim());
  if (date !== undefined) return BigInt(date);
  const ago = parseSpan(plain.replace(/\s*ago$/, ''));
  if (ago !== undefined) return BigInt(Math.round(nowMs * 1000 - ago * 1e6));
  throw new UsageError(
    `'${text}' is not a time; give 2026-11-21T10:30:00Z, 1764000000, 10m, '10 minutes ago' or such`,
  );
};

/** The two flags that bound a stretch of the log, as fields of a request; an absent flag leaves its field absent. */
export const timeRange = (
  flags: { readonly since?: string | undefined; readonly until?: string | undefined },
  nowMs: number,
): { sinceUs?: bigint; untilUs?: bigint } => ({
  ...(flags.since === undefined ? {} : { sinceUs: parseTime(flags.since, nowMs) }),
  ...(flags.until === undefined ? {} : { untilUs: parseTime(flags.until, nowMs) }),
});

export const timeHelp = "2026-11-21T10:30:00Z, 1764000000, 10m, '10 minutes ago'";
