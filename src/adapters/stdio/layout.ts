import { join } from 'node:path';

/**
 * Where the stdio holder keeps its things.
 *
 *     <directory>/holder.sock        0600
 *     <directory>/holder.lock        flock of the one holder, and its pid
 *     <directory>/holder.log         what it complains about
 *     <directory>/streams/<key>/     settings.json and the fifos stdin, stdout, stderr
 *
 * A key is `namespace,container` or `namespace,container,exec`: none of them may hold a comma.
 */
export const socketOf = (directory: string): string => join(directory, 'holder.sock');
export const lockOf = (directory: string): string => join(directory, 'holder.lock');
export const complaintsOf = (directory: string): string => join(directory, 'holder.log');
export const streamsOf = (directory: string): string => join(directory, 'streams');
export const settingsOf = (streams: string, key: string): string => join(streams, key, 'settings.json');

/** What is kept of a process's streams, for the holder that reads it back after a crash of its own. */
export interface StreamSettings {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly log?: { readonly path: string; readonly maxBytes: number; readonly maxFiles: number } | undefined;
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Checked by hand: the holder stays small by loading no library. @throws TypeError */
export const parseSettings = (text: string): StreamSettings => {
  const value: unknown = JSON.parse(text);
  const flag = (name: 'stdin' | 'stdout' | 'stderr'): boolean => field(value, name) === true;
  const log = field(value, 'log');
  const streams = { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') };
  if (log === undefined) return streams;
  const path = field(log, 'path');
  const maxBytes = field(log, 'maxBytes');
  const maxFiles = field(log, 'maxFiles');
  if (typeof path !== 'string' || typeof maxBytes !== 'number' || typeof maxFiles !== 'number') {
    throw new TypeError('settings.json: log needs path, maxBytes and maxFiles');
  }
  return { ...streams, log: { path, maxBytes, maxFiles } };
};

/** One request on a control connection. */
export interface HolderRequest {
  readonly id: number;
  readonly op: 'open' | 'attach' | 'drained' | 'stdin-closed' | 'close' | 'list';
  /** Empty for `list`. */
  readonly key: string;
}

const operations: readonly string[] = ['open', 'attach', 'drained', 'stdin-closed', 'close', 'list'];
const KEY = /^[A-Za-z0-9._-]+(?:,[A-Za-z0-9._-]+){1,2}$/;

/** @throws TypeError for anything that is no request */
export const parseRequest = (text: string): HolderRequest => {
  const value: unknown = JSON.parse(text);
  const id = field(value, 'id');
  const op = field(value, 'op');
  const key = field(value, 'key');
  const known = typeof op === 'string' && operations.includes(op);
  if (typeof id !== 'number' || !known || typeof key !== 'string' || (op !== 'list' && !KEY.test(key))) {
    throw new TypeError(`'${text.slice(0, 200)}' is no request`);
  }
  return { id, op: op as HolderRequest['op'], key };
};
