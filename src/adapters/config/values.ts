import { z } from 'zod';
import { AbsolutePath, Platform } from '../../domain/identity.ts';

/** Kinds of values in the configuration. Each says in its message what it wants. */

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const DURATION = /^(\d{1,9})(ms|s|m|h)$/;

const milliseconds = (text: string): number => {
  const [, count = '', unit = 's'] = DURATION.exec(text) ?? [];
  return Number(count) * MS[unit as keyof typeof MS];
};

/** Text such as `500ms`, `10s`, `5m` or `1h`; milliseconds inside. Bounds are of the same form and inclusive. */
export const duration = (min: string, max: string) =>
  z
    .string()
    .regex(DURATION, "must be a number with a unit, such as '500ms', '10s', '5m' or '1h'")
    .transform(milliseconds)
    .refine((ms) => ms >= milliseconds(min) && ms <= milliseconds(max), {
      error: `must be from ${min} to ${max}`,
    });

/** A whole number; bounds are inclusive. */
export const count = (min: number, max: number) =>
  z
    .number({ error: `must be a whole number from ${min} to ${max}` })
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be from ${min} to ${max}`)
    .max(max, `must be from ${min} to ${max}`);

export const path = () => AbsolutePath;

/** Linux takes 107 bytes and a NUL in `sun_path`. */
export const socketPath = () =>
  AbsolutePath.refine((text) => Buffer.byteLength(text) <= 107, {
    error: 'must be at most 107 bytes long, as the path of a unix socket',
  });

/** A path of a socket, or nothing. */
export const optionalSocketPath = () =>
  z.string().refine((text) => text === '' || socketPath().safeParse(text).success, {
    error: "must be '' or an absolute path of at most 107 bytes",
  });

/** Names of parts of the daemon. */
export const names = () =>
  z.array(z.string().min(1).max(256), { error: 'must be a list of texts' }).max(1000);

/** `OS/ARCHITECTURE[/VARIANT]`, as containerd writes it. */
export const platformText = () =>
  z
    .string()
    .regex(/^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/, 'must be OS/ARCHITECTURE, or OS/ARCHITECTURE/VARIANT')
    .transform((text) => {
      const [os, architecture, variant] = text.split('/');
      return Platform.parse({ os, architecture, ...(variant === undefined ? {} : { variant }) });
    });

/** A path, or nothing. */
export const optionalPath = () =>
  z.string().refine((text) => text === '' || AbsolutePath.safeParse(text).success, {
    error: "must be '' or an absolute path",
  });

/** A choice of words. */
export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(', ')}` });
