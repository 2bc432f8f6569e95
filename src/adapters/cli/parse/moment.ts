import { UsageError } from '../exit-codes.ts';
import { type At, parseAt } from './at.ts';

/** The moment that an argument means: as `--at`, or `now`. @throws UsageError */
export const parseMoment = (text: string, nowMs: number): At | undefined =>
  text.trim().toLowerCase() === 'now' ? undefined : parseAt(text, nowMs);

/** A position of the log. @throws UsageError */
export const parsePosition = (text: string): bigint => {
  const digits = /^@?(\d{1,19})$/.exec(text.trim())?.[1];
  if (digits === undefined) {
    throw new UsageError(
      `'${text}' is not a position; give a number such as 4711 (history and events show them)`,
    );
  }
  return BigInt(digits);
};

/** The two flags that bound a stretch of the past, as fields of a request. */
export const momentRange = (
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): { from?: At; to?: At } => {
  const [first, last] = [from, to].map((text) => (text === undefined ? undefined : parseMoment(text, nowMs)));
  return { ...(first === undefined ? {} : { from: first }), ...(last === undefined ? {} : { to: last }) };
};

export const momentHelp = "a position (4711), a time (2026-11-21 13:05), '10 minutes ago' or now";
