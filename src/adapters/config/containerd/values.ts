import { z } from 'zod';

/** Kinds of values in containerd's configuration. Each says in its message what it wants. */

export const text = z.string({ error: 'must be a text' });
export const flag = z.boolean({ error: 'must be true or false' });
export const texts = z.array(text, { error: 'must be a list of texts' });
export const whole = z.number({ error: 'must be a whole number' }).int('must be a whole number');
export const fraction = z.number({ error: 'must be a number' });

const MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;

/** A duration as Go writes it (`1m30s`, `100ms`), as ours has it, in whole milliseconds. */
const ours = (duration: string): string => {
  const parts = duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
  const ms = [...parts].reduce(
    (sum, [, count = '0', unit = 's']) => sum + Number(count) * (MS[unit] ?? 0),
    0,
  );
  return `${Math.ceil(ms)}ms`;
};

/** `0` means the same as `0s`. */
export const duration = z
  .string({ error: "must be a duration, such as '10s' or '1m30s'" })
  .regex(/^0$|^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/, "must be a duration, such as '10s' or '1m30s'")
  .transform((given) => (DURATION.test(given) ? ours(given) : '0ms'));
