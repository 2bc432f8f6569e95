import { parseSync, Visitor, type VisitorObject } from 'oxc-parser';
import { lineOf, type SourceFile } from './source-tree.ts';

/** Finds things in the syntax tree of a file: each finder gives offsets into its text. */

export interface Parsed extends SourceFile {
  readonly program: ReturnType<typeof parseSync>['program'];
  readonly comments: ReturnType<typeof parseSync>['comments'];
}

type Expression = { readonly type: string; readonly start: number };

export const parse = (file: SourceFile): Parsed => {
  const { program, comments, errors } = parseSync(file.path, file.text);
  if (errors.length > 0) throw new Error(`${file.path}: ${errors.map(({ message }) => message).join('; ')}`);
  return { ...file, program, comments };
};

/** Offsets at which any of the visitor's methods said so. */
export const visiting =
  (visitor: (hit: (node: Expression) => void) => VisitorObject) =>
  (file: Parsed): readonly number[] => {
    const offsets: number[] = [];
    new Visitor(visitor((node) => offsets.push(node.start))).visit(file.program);
    return offsets;
  };

/** `a.b` for such an expression, or the bare name, or ''. */
export const dotted = (node: object): string => {
  if (!('type' in node)) return '';
  if (node.type === 'Identifier' && 'name' in node) return String(node.name);
  if (node.type !== 'MemberExpression' || !('object' in node) || !('property' in node)) return '';
  const { object, property } = node;
  const key = typeof property === 'object' && property !== null ? property : {};
  const name = 'name' in key ? key.name : 'value' in key ? key.value : '';
  return `${typeof object === 'object' && object !== null ? dotted(object) : ''}.${String(name)}`;
};

/** Whether a pattern (a parameter, the left of a declaration) gives something that name. */
const binds = (pattern: unknown, name: string): boolean => {
  if (typeof pattern !== 'object' || pattern === null || !('type' in pattern)) return false;
  if (pattern.type === 'Identifier') return 'name' in pattern && pattern.name === name;
  if (pattern.type !== 'ObjectPattern' || !('properties' in pattern) || !Array.isArray(pattern.properties))
    return false;
  return pattern.properties.some((property) => 'value' in property && binds(property.value, name));
};

type Range = { readonly start: number; readonly end: number };

/** Where in a file a parameter of that name hides the global one; a declaration hides it from there on. */
const hidden = (file: Parsed, name: string): Range[] => {
  const ranges: Range[] = [];
  const look = (node: Range & { readonly params: readonly unknown[] }) => {
    if (node.params.some((param) => binds(param, name))) ranges.push(node);
  };
  new Visitor({
    ArrowFunctionExpression: look,
    FunctionDeclaration: look,
    FunctionExpression: look,
    VariableDeclarator: (node) => {
      if (binds(node.id, name)) ranges.push({ start: node.start, end: file.text.length });
    },
  }).visit(file.program);
  return ranges;
};

/** Tells whether a dotted name found at an offset is one of `names` and means the global thing. */
const meaning = (file: Parsed, names: readonly string[]): ((name: string, offset: number) => boolean) => {
  const ranges = new Map(names.map((name) => [name, hidden(file, name.split('.')[0] ?? name)]));
  return (name, offset) =>
    ranges.get(name)?.every(({ start, end }) => offset < start || offset >= end) ?? false;
};

const globalName = (node: object): string => dotted(node).replace(/^globalThis\./, '');

/** Uses of `a.b`, also through globalThis, and imports of `b` from a module where given as `import b`. */
export const uses =
  (...names: readonly string[]) =>
  (file: Parsed) => {
    const isMeant = meaning(file, names);
    return visiting((hit) => ({
      MemberExpression: (node) => {
        if (isMeant(globalName(node), node.start)) hit(node);
      },
      ImportSpecifier: (node) => {
        if ('name' in node.imported && isMeant(`import ${node.imported.name}`, node.start)) hit(node);
      },
    }))(file);
  };

/** Calls of `a` or `a.b`. */
export const calls =
  (...names: readonly string[]) =>
  (file: Parsed) => {
    const isMeant = meaning(file, names);
    return visiting((hit) => ({
      CallExpression: (node) => {
        if (isMeant(globalName(node.callee), node.start)) hit(node);
      },
    }))(file);
  };

export const commentsWith = (pattern: RegExp) => (file: Parsed) =>
  file.comments.filter(({ value }) => pattern.test(value)).map(({ start }) => start);

/** A function whose body does nothing: `() => {}`, `() => undefined`, `function () {}`. */
export const doesNothing = (node: object): boolean => {
  if (!('type' in node) || !('body' in node)) return false;
  if (node.type !== 'ArrowFunctionExpression' && node.type !== 'FunctionExpression') return false;
  const body = node.body;
  if (typeof body !== 'object' || body === null) return false;
  if ('body' in body) return Array.isArray(body.body) && body.body.length === 0;
  return dotted(body) === 'undefined' || ('value' in body && body.value === null);
};

/** Name of the method that a call is of, or ''. */
export const methodOf = (callee: object): string => {
  if (!('type' in callee) || callee.type !== 'MemberExpression' || !('property' in callee)) return '';
  return dotted(callee).split('.').at(-1) ?? '';
};

/** Whether a comment starts on the line of `offset` or on one of the `lines` lines before. */
export const explained = (file: Parsed, offset: number, lines: number): boolean => {
  const line = lineOf(file.text, offset);
  return file.comments.some(({ start }) => {
    const at = lineOf(file.text, start);
    return at <= line && at >= line - lines;
  });
};
