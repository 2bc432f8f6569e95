/**
 * Keeps credentials out of the daemon's log. Fields whose name looks like one are masked wherever they stand, and so
 * are passwords in URLs. A net below callers that don't pass credentials to begin with.
 */

const CREDENTIAL =
  /pass(?:word|wd|phrase)?$|secret|token|credential|authori[sz]ation|cookie|api[-_]?key|private[-_]?key|^auth$/i;
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@]+):[^\s/@]+@/gi;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/g;

const MASK = '[redacted]';
/** Deeper than any of our fields; also ends loops. */
const MAX_DEPTH = 8;

export const redactText = (text: string): string =>
  text.replace(URL_PASSWORD, `$1:${MASK}@`).replace(BEARER, `$1 ${MASK}`);

const errorFields = (error: Error, depth: number): Record<string, unknown> => ({
  type: error.name,
  message: redactText(error.message),
  ...('code' in error ? { code: error.code } : {}),
  ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
  ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
});

/** A value as it may be logged: plain data without credentials. Big integers become text, bytes their count. */
export const redact = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[too deep]';
  if (value instanceof Error) return errorFields(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return redactFields(Object.fromEntries(Object.entries(value)), depth + 1);
};

export const redactFields = (fields: Readonly<Record<string, unknown>>, depth = 0): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      CREDENTIAL.test(name) ? MASK : redact(value, depth),
    ]),
  );
