import { z } from 'zod';
import { TlogError } from '../tlog/error.ts';
import type { Hash } from '../tlog/hash.ts';
import { fromBase64 } from '../tlog/key.ts';
import type { Manifest } from './format.ts';

/** Wrong at a position. */
export class Fault extends Error {
  readonly position: number | undefined;
  readonly verdict: 'unsound' | 'unreadable';
  constructor(what: string, position?: number, verdict: 'unsound' | 'unreadable' = 'unsound') {
    super(what);
    this.position = position;
    this.verdict = verdict;
  }
}

export const unreadable = (what: string): Fault => new Fault(what, undefined, 'unreadable');

export const cutShort = (next: number, to: number): Fault =>
  new Fault(`the slice was cut short: position ${next} is missing, it should go up to ${to}`, next);

export const outOfReach = (size: number, { from, to, treeSize }: Manifest): string =>
  `the head that was kept is of ${size} events; a slice from ${from} to ${to} can be held against one of ${from} to ${to} events, or of ${treeSize}. For others ask for 'shiplog log prove --consistency'`;

export const hashOf = (text: string): Hash => {
  const hash = fromBase64(text);
  if (hash === undefined) throw new TlogError('a hash of the proof is not base64');
  return hash;
};

export const jsonOf = (text: string, wrong: (what: string) => Fault): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
};

export const parsed = <T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T => {
  const fields = jsonOf(Buffer.from(bytes).toString(), (words) => new Fault(`${what}: ${words}`));
  const found = schema.safeParse(fields);
  if (found.success) return found.data;
  throw new Fault(`${what} is not as it should be: ${z.prettifyError(found.error)}`);
};
