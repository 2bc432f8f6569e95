import { readFile } from 'node:fs/promises';

/** The kernel writes space, tab, line feed and backslash as three octal digits (proc_pid_mountinfo(5)). */
const unescapeOctal = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Mount points of this mount namespace, in the order they were made; one that is stacked appears once per mount. */
export const parseMountPoints = (mountinfo: string): readonly string[] =>
  mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((field) => field !== undefined)
    .map(unescapeOctal);

export const mountPoints = async (): Promise<readonly string[]> =>
  parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'));

/** Whether `path` is `prefix` or lies in it. */
export const isWithin = (path: string, prefix: string): boolean => {
  const base = prefix.endsWith('/') ? prefix : `${prefix}/`;
  return `${path}/`.startsWith(base);
};
