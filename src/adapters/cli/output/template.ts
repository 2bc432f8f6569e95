import { UsageError } from '../exit-codes.ts';

/**
 * The useful part of docker's Go templates: text with `{{…}}`, where an action is a field path (`.Names`,
 * `.State.ExitCode`, `.Labels.app`, `.` for the whole), or a function before it: `json`, `upper`, `lower`, `println`,
 * `len`, `join PATH "SEPARATOR"`, `index PATH "KEY"`. `\t` and `\n` in the text are a tab and a line break.
 */
export type Template = (row: object) => string;

type Action = (row: object) => string;

const WORD = /"((?:[^"\\]|\\.)*)"|(\S+)/g;

const show = (value: unknown): string => {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    return `map[${Object.entries(value)
      .map(([name, entry]) => `${name}:${show(entry)}`)
      .join(' ')}]`;
  }
  return String(value);
};

const lookUp = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Reflect.get(value, key)
    : undefined;

/** JSON of a value; the API's 64-bit counts become plain numbers. */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_key, entry: unknown) => (typeof entry === 'bigint' ? Number(entry) : entry),
    indent,
  ) ?? 'null';

const functions: Readonly<Record<string, (value: unknown, argument: string | undefined) => string>> = {
  json: (value) => toJson(value),
  upper: (value) => show(value).toUpperCase(),
  lower: (value) => show(value).toLowerCase(),
  println: (value) => `${show(value)}\n`,
  len: (value) =>
    String(typeof value === 'object' && value !== null ? Object.keys(value).length : show(value).length),
  join: (value, separator = '') => (Array.isArray(value) ? value.map(show).join(separator) : show(value)),
  index: (value, key = '') => show(lookUp(value, key)),
};

const fault = (template: string, what: string): UsageError =>
  new UsageError(
    `--format '${template}': ${what}; use {{.Field}}, {{.Field.Field}}, or ${Object.keys(functions).join(', ')} before it`,
  );

const pathOf = (template: string, text: string): readonly string[] => {
  if (text === '.') return [];
  if (!/^(?:\.[\w-]+)+$/.test(text)) throw fault(template, `'${text}' is not a field`);
  return text.slice(1).split('.');
};

/** A field that the row itself lacks is a mistake; one missing deeper (a label, a state) is empty. */
const follow = (template: string, row: object, path: readonly string[]): unknown => {
  const [first] = path;
  if (first !== undefined && !Object.hasOwn(row, first)) {
    throw fault(
      template,
      `there is no field '.${first}', only ${Object.keys(row)
        .map((name) => `.${name}`)
        .join(' ')}`,
    );
  }
  return path.reduce<unknown>(lookUp, row);
};

const compileAction = (template: string, source: string): Action => {
  const words = [...source.trim().matchAll(WORD)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const [head = '', path, argument] = words;
  if (head.startsWith('.') && words.length === 1) {
    const fields = pathOf(template, head);
    return (row) => show(follow(template, row, fields));
  }
  const apply = Object.hasOwn(functions, head) ? functions[head] : undefined;
  if (!apply || path === undefined || words.length > 3) throw fault(template, `cannot read '{{${source}}}'`);
  const fields = pathOf(template, path);
  return (row) => apply(follow(template, row, fields), argument);
};

const unescapeText = (text: string): string => text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');

/** @throws UsageError for an action outside the subset */
export const compileTemplate = (template: string): Template => {
  const parts = template.split(/\{\{(.*?)\}\}/s).map((part, index): string | Action => {
    if (index % 2 === 1) return compileAction(template, part);
    if (part.includes('{{')) throw fault(template, "a '{{' is never closed");
    return unescapeText(part);
  });
  return (row) => parts.map((part) => (typeof part === 'string' ? part : part(row))).join('');
};

/** The fields a template prints, as headings for `table TEMPLATE`. */
export const templateHeadings = (template: string): string =>
  unescapeText(
    template.replace(/\{\{(?:\s*\w+)?\s*\.?([\w.-]*).*?\}\}/gs, (_whole, path: string) =>
      (path.split('.').at(-1) ?? '').replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase(),
    ),
  );
