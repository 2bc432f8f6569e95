/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic` … */
  readonly scheme: string;
  /** Parameter names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SPACE = /[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;

/** Longest header that is looked at; a registry has no reason to send more. */
const HEADER_LIMIT = 8192;

/**
 * Parses all challenges of a header, which may stand in several lines or share one, separated by commas like their own
 * parameters are. What comes after something unreadable is left out.
 */
export const parseChallenges = (header: string | readonly string[] | undefined): readonly Challenge[] => {
  if (header === undefined) return [];
  return (typeof header === 'string' ? [header] : header).flatMap((line) =>
    parseLine(line.slice(0, HEADER_LIMIT)),
  );
};

const parseLine = (line: string): Challenge[] => {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  const takeValue = (): string | undefined => {
    const quoted = take(QUOTED);
    return quoted === undefined ? take(TOKEN) : quoted.replaceAll(/\\(.)/gs, '$1');
  };
  while (at < line.length) {
    take(SPACE);
    if (line[at] === ',') {
      at += 1;
      continue;
    }
    const word = take(TOKEN);
    if (word === undefined) break;
    take(SPACE);
    const current = challenges.at(-1);
    if (line[at] !== '=') {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
    } else {
      at += 1;
      take(SPACE);
      const value = takeValue();
      if (value === undefined || current === undefined) break;
      current.parameters.set(word.toLowerCase(), value);
    }
  }
  return challenges;
};
