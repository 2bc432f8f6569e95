const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes as docker prints them: decimal units, three or four digits (`77.8MB`, `1.24kB`). */
export const humanSize = (bytes: bigint | number): string => {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${sizeUnits[unit]}`;
};

const spans: readonly (readonly [seconds: number, word: string])[] = [
  [365 * 86_400, 'year'],
  [30 * 86_400, 'month'],
  [7 * 86_400, 'week'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
];

/** A span of time as docker tells it: `5 seconds`, `About a minute`, `2 hours`. */
export const humanSpan = (milliseconds: number): string => {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  if (seconds < 1) return 'Less than a second';
  for (const [size, word] of spans) {
    // docker stays with the smaller unit until there are two of the larger: 47 hours, 13 days, 7 weeks.
    const enough = word === 'minute' || word === 'hour' ? size : 2 * size;
    if (seconds < enough) continue;
    const count = Math.floor(seconds / size);
    if (count === 1) return `About ${word === 'hour' ? 'an' : 'a'} ${word}`;
    return `${count} ${word}s`;
  }
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
};

/** `5 minutes ago`. @param us microseconds since the epoch */
export const humanAgo = (us: bigint, nowMs: number): string =>
  us === 0n ? 'N/A' : `${humanSpan(nowMs - Number(us / 1000n))} ago`;

/** RFC 3339 in UTC with microseconds. @param us microseconds since the epoch */
export const timestamp = (us: bigint): string =>
  new Date(Number(us / 1000n)).toISOString().replace('Z', `${String(us % 1000n).padStart(3, '0')}Z`);

/** The first twelve digits, without the algorithm. */
export const shortId = (id: string): string => id.replace(/^sha(?:256|512):/, '').slice(0, 12);

/** One line of at most `width` characters. */
export const ellipsis = (text: string, width: number): string => {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
};

/** Without `docker.io/library/`, as docker prints names. (The domain's own comes with zod, which costs a start too much.) */
export const familiarName = (name: string): string => name.replace(/^docker\.io\/(?:library\/)?/, '');

/** Control characters (a container may be named by whoever likes to move the cursor) become visible. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
