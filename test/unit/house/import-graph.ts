import { posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { lineOf, type SourceFile } from './source-tree.ts';

/** One way in which a file names another module. `entry` starts it as a program of its own. */
export interface Import {
  readonly from: string;
  readonly line: number;
  readonly kind: 'static' | 'dynamic' | 'type' | 'require' | 'entry' | 'computed';
  readonly specifier: string;
  /** Path from the top of the repository for a relative specifier, else absent. */
  readonly target?: string;
}

type Found = { kind: Import['kind']; specifier: string; offset: number };

const literal = (node: { type: string; value?: unknown } | undefined): string | undefined =>
  node?.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;

/** What the module records leave out: `import('x').T` types, require, and `new URL('./x', import.meta.url)`. */
const hidden = (program: ReturnType<typeof parseSync>['program']): Found[] => {
  const found: Found[] = [];
  const add = (kind: Import['kind'], specifier: string | undefined, offset: number) => {
    if (specifier !== undefined) found.push({ kind, specifier, offset });
  };
  new Visitor({
    TSImportType: (node) => add('type', literal(node.source), node.start),
    TSExternalModuleReference: (node) => add('require', literal(node.expression), node.start),
    ImportExpression: (node) =>
      literal(node.source) === undefined
        ? add('computed', 'a path that is computed', node.start)
        : add('dynamic', literal(node.source), node.start),
    CallExpression: (node) => {
      const { callee } = node;
      const named = callee.type === 'Identifier' && ['require', 'requireNative'].includes(callee.name);
      const builtin =
        callee.type === 'MemberExpression' &&
        callee.property.type === 'Identifier' &&
        callee.property.name === 'getBuiltinModule';
      if (named || builtin) add('require', literal(node.arguments[0]), node.start);
    },
    NewExpression: (node) => {
      const [path, base] = node.arguments;
      const isMeta = base?.type === 'MemberExpression' && base.object.type === 'MetaProperty';
      if (node.callee.type === 'Identifier' && node.callee.name === 'URL' && isMeta) {
        add('entry', literal(path), node.start);
      }
    },
  }).visit(program);
  return found;
};

/** Every module that a file names, type-only ones too. @throws when it cannot be parsed */
export const importsOf = ({ path, text }: SourceFile): Import[] => {
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join('; ')}`);
  const found: Found[] = hidden(program);
  for (const { moduleRequest } of module.staticImports) {
    found.push({ kind: 'static', specifier: moduleRequest.value, offset: moduleRequest.start });
  }
  for (const { entries } of module.staticExports) {
    const request = entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest;
    if (request) found.push({ kind: 'static', specifier: request.value, offset: request.start });
  }
  return found.map(({ kind, specifier, offset }) => ({
    from: path,
    line: lineOf(text, offset),
    kind,
    specifier,
    ...(specifier.startsWith('.') ? { target: posix.join(posix.dirname(path), specifier) } : {}),
  }));
};

/** Loops in the graph, each as the paths along it; starting another program is no loop. */
export const cyclesIn = (imports: readonly Import[]): string[][] => {
  const edges = new Map<string, string[]>();
  for (const { from, target, kind } of imports) {
    if (target !== undefined && kind !== 'entry') edges.set(from, [...(edges.get(from) ?? []), target]);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (node: string, trail: string[]): void => {
    const at = trail.indexOf(node);
    if (at >= 0) cycles.push([...trail.slice(at), node]);
    if (at >= 0 || done.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...trail, node]);
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return cycles;
};
