import type { z } from 'zod';
import { AbsolutePath, Namespace } from '../../domain/identity.ts';
import { ImageReference } from '../../domain/image-reference.ts';
import { Rejection } from '../../domain/rejection.ts';

/** A no that names the field. */
export const invalid = (field: string, what: string): Rejection =>
  new Rejection('invalid-argument', `${field}: ${what}`);

/**
 * Checks a value from the wire.
 * @param field as the caller knows it, such as `options.mounts`
 * @throws Rejection `invalid-argument` that names the field, down to the part that is wrong
 */
export const parse = <S extends z.ZodType>(schema: S, value: unknown, field: string): z.output<S> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = [field, ...(issue?.path ?? [])].filter((part) => part !== '').join('.');
  throw invalid(at, issue?.message ?? 'is not valid');
};

/** The namespace of a request; `default` where the caller names none. */
export const namespaceOf = (text: string): Namespace => parse(Namespace, text || 'default', 'namespace');

export const referenceOf = (text: string, field: string): ImageReference => {
  if (text === '') throw invalid(field, 'is empty; name an image');
  return parse(ImageReference, text, field);
};

export const pathOf = (text: string, field: string): AbsolutePath => parse(AbsolutePath, text, field);

/** A text that must say something. */
export const required = (text: string, field: string): string => {
  if (text === '') throw invalid(field, 'is empty');
  return text;
};

/** A 64-bit number of the wire as a number. @throws Rejection past 2^53 */
export const numberOf = (value: bigint, field: string): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalid(field, `${value} is out of range`);
  return number;
};

/** Without the keys whose value is undefined: proto's absence as TypeScript's. */
export const present = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
