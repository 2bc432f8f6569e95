/** What a filter is made of. */
export interface Token {
  readonly kind: 'end' | 'field' | 'value' | 'quoted' | 'separator' | 'operator' | 'strange';
  /** The text as it stands; of what was quoted, what it means. */
  readonly text: string;
  /** Offset of its first character. */
  readonly at: number;
  /** The character that a quoted text stands in. */
  readonly quote?: string;
  /** What is wrong with something strange. */
  readonly wrong?: string;
}

/** Reads one filter from left to right. */
export interface Scanner {
  /** The character that comes next, white space too; empty at the end. */
  peek(): string;
  /** Offset of what comes next. */
  readonly at: number;
  next(): Token;
}

const isSpace = (char: string): boolean => /\s/u.test(char);
const isField = (char: string): boolean => /[A-Za-z0-9_-]/.test(char);
const isValue = (char: string): boolean => char !== ',' && !isSpace(char) && !/\p{Cc}/u.test(char);
const isOperator = (char: string): boolean => char !== '' && '=!~'.includes(char);

/** Tokens of containerd's filter language: what may follow depends on what came before, as a value follows an operator. */
export const scan = (input: string): Scanner => {
  let at = 0;
  let valueNext = false;
  const peek = (): string => {
    const code = input.codePointAt(at);
    return code === undefined ? '' : String.fromCodePoint(code);
  };
  const run = (holds: (char: string) => boolean): string => {
    const from = at;
    for (let char = peek(); char !== '' && holds(char); char = peek()) at += char.length;
    return input.slice(from, at);
  };
  const quoted = (from: number, quote: string): Token => {
    const found = unquote(input, from);
    at = found.end;
    return 'wrong' in found
      ? { kind: 'strange', text: input.slice(from, at), at: from, wrong: found.wrong }
      : { kind: 'quoted', text: found.text, at: from, quote };
  };
  const next = (): Token => {
    run(isSpace);
    const from = at;
    const char = peek();
    if (char === '') return { kind: 'end', text: '', at: from };
    if ('"/|'.includes(char)) return quoted(from, char);
    if (',.'.includes(char)) {
      valueNext = false;
      at += 1;
      return { kind: 'separator', text: char, at: from };
    }
    if (isOperator(char)) {
      valueNext = true;
      return { kind: 'operator', text: run(isOperator), at: from };
    }
    if (valueNext && isValue(char)) {
      valueNext = false;
      return { kind: 'value', text: run(isValue), at: from };
    }
    if (isField(char)) return { kind: 'field', text: run(isField), at: from };
    at += char.length;
    return { kind: 'strange', text: char, at: from };
  };
  return {
    peek,
    next,
    get at() {
      return at;
    },
  };
};

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 };

/** Escapes that give a character, or a byte of one, by its number. */
const numeric = [
  { form: /^[0-7]{3}/, skip: 0, base: 8, max: 0xff, bytes: true },
  { form: /^x[0-9a-fA-F]{2}/, skip: 1, base: 16, max: 0xff, bytes: true },
  { form: /^u[0-9a-fA-F]{4}/, skip: 1, base: 16, max: 0xffff, bytes: false },
  { form: /^U[0-9a-fA-F]{8}/, skip: 1, base: 16, max: 0x10ffff, bytes: false },
];

type Escape = { readonly bytes: readonly number[]; readonly length: number } | undefined;

const encoder = new TextEncoder();

/** What stands behind a backslash. */
const escapeOf = (rest: string, quote: string): Escape => {
  const [char = ''] = rest;
  if (char === quote) return { bytes: [quote.charCodeAt(0)], length: 1 };
  const plain = Object.hasOwn(escapes, char) ? escapes[char] : undefined;
  if (plain !== undefined) return { bytes: [plain], length: 1 };
  for (const { form, skip, base, max, bytes } of numeric) {
    const [text] = form.exec(rest) ?? [];
    if (text === undefined) continue;
    const code = Number.parseInt(text.slice(skip), base);
    if (code > max) return undefined;
    return { bytes: bytes ? [code] : [...encoder.encode(String.fromCodePoint(code))], length: text.length };
  }
  return undefined;
};

type Unquoted = { readonly end: number } & ({ readonly text: string } | { readonly wrong: string });

/** Reads a string as Go writes them, from its opening quote on. */
const unquote = (input: string, from: number): Unquoted => {
  const quote = input.charAt(from);
  const bytes: number[] = [];
  let at = from + 1;
  for (;;) {
    const code = input.codePointAt(at);
    if (code === undefined || code === 10) return { end: at, wrong: 'quoted literal not terminated' };
    const char = String.fromCodePoint(code);
    at += char.length;
    if (char === quote) return { end: at, text: new TextDecoder().decode(Uint8Array.from(bytes)) };
    if (char !== '\\') {
      bytes.push(...encoder.encode(char));
      continue;
    }
    const meant = escapeOf(input.slice(at, at + 9), quote);
    if (meant === undefined) return { end: at, wrong: 'illegal escape sequence' };
    bytes.push(...meant.bytes);
    at += meant.length;
  }
};
