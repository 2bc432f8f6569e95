import { RE2JS } from 're2js';
import type { Labels } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { type Scanner, scan, type Token } from './containerd-filter-scanner.ts';

/**
 * A field of a thing by its path, such as `['labels', 'team']`; undefined where it has none. What is empty counts as
 * absent for most fields in containerd: say undefined then.
 */
export type FieldOf = (path: readonly string[]) => string | undefined;

/** Whether a thing is meant. */
export type FilterMatch = (fieldOf: FieldOf) => boolean;

export const FilterLimits = {
  /** Filters of one request. */
  filters: 1024,
  /** Characters of one filter. */
  characters: 8192,
} as const;

/**
 * Reads containerd's filters: `name==web`, `labels."a.b"!=c`, `id~=/^web-/`, `labels.team` (it is there); several
 * selectors joined by commas must all hold, of several filters any is enough, and none at all means everything. Regular
 * expressions are RE2's, which take time in proportion to the text.
 * @throws Rejection `invalid-argument` that shows the place
 */
export const containerdFilter = (filters: readonly string[]): FilterMatch => {
  if (filters.length > FilterLimits.filters) {
    throw new Rejection(
      'invalid-argument',
      `${filters.length} filters are more than ${FilterLimits.filters}: invalid argument`,
    );
  }
  const parsed = filters.map(parseFilter);
  return (fieldOf) =>
    parsed.length === 0 || parsed.some((selectors) => selectors.every(({ match }) => match(fieldOf)));
};

/**
 * What a field must be for any of the filters to hold, where each of them says it by `==`: so that what a key is asked of
 * can be looked up by it.
 * @returns undefined where a filter leaves the field open, or there is none
 * @throws as {@link containerdFilter}
 */
export const valuesNamed = (filters: readonly string[], name: string): ReadonlySet<string> | undefined => {
  const values = new Set<string>();
  for (const filter of filters) {
    const named = parseFilter(filter).find(
      ({ path, equals }) => equals !== undefined && path.length === 1 && path[0] === name,
    );
    if (named?.equals === undefined) return undefined;
    values.add(named.equals);
  }
  return filters.length === 0 ? undefined : values;
};

/** The field `labels.NAME`, where the rest of the path is the name. */
export const labelField = (labels: Labels, path: readonly string[]): string | undefined => {
  const name = path.slice(1).join('.');
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
};

/** One of the conditions of a filter. */
interface Selector {
  readonly path: readonly string[];
  readonly match: FilterMatch;
  /** What the field must be, where that is the condition. */
  readonly equals?: string;
}

/** @returns conditions that must all hold */
const parseFilter = (input: string): readonly Selector[] => {
  if (input === '') return [];
  if (input.length > FilterLimits.characters) {
    throw new Rejection(
      'invalid-argument',
      `a filter of ${input.length} characters is longer than ${FilterLimits.characters}: invalid argument`,
    );
  }
  const parser: Parser = { input, scanner: scan(input) };
  const selectors = [selector(parser)];
  for (;;) {
    const next = parser.scanner.peek();
    if (next === '') return selectors;
    if (next !== ',') throw wrong(parser, parser.scanner.at, `unexpected input: ${next}`);
    parser.scanner.next();
    selectors.push(selector(parser));
  }
};

interface Parser {
  readonly input: string;
  readonly scanner: Scanner;
}

const wrong = ({ input }: Parser, at: number, what: string): Rejection => {
  const char = String.fromCodePoint(input.codePointAt(at) ?? 0);
  const place =
    at < input.length ? `${input.slice(0, at)} >|${char}|< ${input.slice(at + char.length)}` : input;
  return new Rejection('invalid-argument', `filters: parse error: [${place}]: ${what}: invalid argument`);
};

const selector = (parser: Parser): Selector => {
  const path = fieldPath(parser);
  const next = parser.scanner.peek();
  if (next === '' || next === ',') return { path, match: (fieldOf) => fieldOf(path) !== undefined };
  const operator = parser.scanner.next();
  if (operator.kind !== 'operator') {
    throw wrong(parser, operator.at, 'expected an operator ("=="|"!="|"~=")');
  }
  switch (operator.text) {
    case '==': {
      const { text: equals } = operand(parser);
      return { path, equals, match: (fieldOf) => fieldOf(path) === equals };
    }
    case '!=': {
      const value = operand(parser);
      return { path, match: (fieldOf) => fieldOf(path) !== value.text };
    }
    case '~=': {
      const matches = patternOf(parser, operand(parser, true));
      const match: FilterMatch = (fieldOf) => {
        const text = fieldOf(path);
        return text !== undefined && matches(text);
      };
      return { path, match };
    }
    default:
      throw wrong(parser, operator.at, `unsupported operator "${operator.text}"`);
  }
};

const fieldPath = (parser: Parser): readonly string[] => {
  const path = [field(parser)];
  while (parser.scanner.peek() === '.') {
    parser.scanner.next();
    path.push(field(parser));
  }
  return path;
};

const field = (parser: Parser): string => {
  const token = parser.scanner.next();
  if (token.kind === 'field') return token.text;
  if (token.kind === 'quoted') return plainlyQuoted(parser, token).text;
  throw wrong(parser, token.at, token.wrong ?? 'expected field or quoted');
};

/** @param anyQuote a regular expression may stand between `/` or `|` too */
const operand = (parser: Parser, anyQuote = false): Token => {
  const token = parser.scanner.next();
  if (token.kind === 'value' || token.kind === 'field') return token;
  if (token.kind === 'quoted') return anyQuote ? token : plainlyQuoted(parser, token);
  throw wrong(parser, token.at, token.wrong ?? 'expected value or quoted');
};

const plainlyQuoted = (parser: Parser, token: Token): Token => {
  if (token.quote === '"') return token;
  throw wrong(parser, token.at, 'invalid quote encountered');
};

const patternOf = (parser: Parser, { text, at }: Token): ((text: string) => boolean) => {
  try {
    const pattern = RE2JS.compile(text);
    return (value) => pattern.test(value);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw wrong(parser, at, `not a regular expression: ${words}`);
  }
};
