import { lineOf, type SourceFile } from './source-tree.ts';
import {
  calls,
  commentsWith,
  doesNothing,
  dotted,
  explained,
  methodOf,
  type Parsed,
  parse,
  uses,
  visiting,
} from './syntax.ts';

/**
 * What is banned by name, where, and what to use instead. Each row carries a `planted` piece of code that it must catch
 * and, where it could catch too much, a `fine` one that it must not.
 */
export interface Footgun {
  readonly name: string;
  readonly where: (path: string) => boolean;
  readonly instead: string;
  readonly find: (file: Parsed) => readonly number[];
  readonly planted: readonly string[];
  readonly fine?: readonly string[];
}

const under =
  (...folders: readonly string[]) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(folder));
const src = under('src/');
const code = under('src/', 'test/', 'bench/');
/** Beside the daemon: it owns its process, as main.ts does. */
const isProgram = (path: string) => /-main\.ts$|\bworker\.ts$/.test(path);
const isMain = (path: string) => path === 'src/main.ts' || path === 'src/cli.ts';
const pure = under('src/domain/', 'src/projections/', 'src/workflows/');
const pureOrEngine = (path: string) => pure(path) || path.startsWith('src/engine/');

const CLOCK = 'time and names come in with the command (src/engine/ports/clock.ts)';
const REAL_PURE = 'src/domain/a.ts';

/** Path at which a row's planted code stands, so that `where` is tried too. */
export const plantedAt = (footgun: Footgun): string =>
  [REAL_PURE, 'src/adapters/blobs/a.ts', 'test/unit/a.test.ts'].find(footgun.where) ?? REAL_PURE;

/** Each file is read once for all rows: parsing is most of the work. */
const read = new WeakMap<SourceFile, Parsed>();
const parsedOf = (file: SourceFile): Parsed => {
  const parsed = read.get(file) ?? parse(file);
  read.set(file, parsed);
  return parsed;
};

/** @returns a line for each hit */
export const hits = (footguns: readonly Footgun[], file: SourceFile): string[] => {
  const rows = footguns.filter(({ where }) => where(file.path));
  if (rows.length === 0) return [];
  const parsed = parsedOf(file);
  return rows.flatMap(({ name, instead, find }) =>
    find(parsed).map((offset) => `${file.path}:${lineOf(file.text, offset)} ${name}: ${instead}`),
  );
};

export const footguns: readonly Footgun[] = [
  {
    name: 'reading a clock',
    where: pureOrEngine,
    instead: CLOCK,
    find: (file) => [
      ...uses('Date.now', 'performance.now', 'process.hrtime', 'process.uptime', 'Temporal.Now')(file),
      ...calls('Date')(file),
      ...visiting((hit) => ({
        NewExpression: (node) => {
          if (dotted(node.callee) === 'Date' && node.arguments.length === 0) hit(node);
        },
      }))(file),
    ],
    planted: [
      'Date.now()',
      "Date['now']()",
      'new Date()',
      'const f = performance.now',
      'process.hrtime.bigint()',
      'Date()',
    ],
    fine: ['new Date(event.time)', 'const parsed = Date.parse(text)', 'clock.now()'],
  },
  {
    name: 'randomness',
    where: pureOrEngine,
    instead: CLOCK,
    find: uses(
      'Math.random',
      'crypto.randomUUID',
      'crypto.getRandomValues',
      'crypto.randomBytes',
      'import randomUUID',
      'import randomBytes',
    ),
    planted: [
      'Math.random()',
      'crypto.randomUUID()',
      'globalThis.crypto.randomUUID()',
      "import { randomUUID } from 'x'",
    ],
    fine: ['Math.max(1, 2)'],
  },
  {
    name: 'a timer',
    where: pure,
    instead: 'a workflow says when, the engine waits (src/engine/ports/clock.ts)',
    find: calls('setTimeout', 'setInterval', 'setImmediate'),
    planted: ['setTimeout(f, 1)', 'globalThis.setInterval(f, 1)'],
    fine: ['clock.sleep(5)'],
  },
  {
    name: 'an interval that nobody ends',
    where: (path) => src(path) && !isProgram(path),
    instead: 'call .unref() on it, or clear it when its owner closes',
    find: (file) => {
      const unreffed = new Set<number>();
      visiting(() => ({
        MemberExpression: (node) => {
          if ('name' in node.property && node.property.name === 'unref') unreffed.add(node.object.start);
        },
      }))(file);
      return calls('setInterval')(file).filter((offset) => {
        const name = /([\w#]+)\s*=\s*$/.exec(file.text.slice(0, offset))?.[1];
        const ended =
          name && new RegExp(`${name}\\??\\.unref\\(|clearInterval\\((?:this\\.)?${name}\\)`).test(file.text);
        return !unreffed.has(offset) && !ended;
      });
    },
    planted: ['setInterval(f, 1000)', 'const t = setInterval(f, 1000); clearInterval(u)'],
    fine: [
      'setInterval(() => { f(1); }, 1000).unref()',
      'const t = setInterval(f, 1); t.unref()',
      'class A { #t = setInterval(f, 1); close() { clearInterval(this.#t); } }',
    ],
  },
  {
    name: 'console',
    where: (path) => src(path) && !path.startsWith('src/adapters/cli/'),
    instead: 'the Logger that was passed in (src/engine/ports/logger.ts)',
    find: visiting((hit) => ({
      MemberExpression: (node) => {
        if (dotted(node.object).replace(/^globalThis\./, '') === 'console') hit(node);
      },
    })),
    planted: ["console.log('x')", 'globalThis.console.error(1)'],
    fine: ['const console2 = 1'],
  },
  {
    name: 'a variable of the environment',
    where: (path) => src(path) && !isMain(path) && !under('src/adapters/config/', 'src/adapters/cli/')(path),
    instead:
      'pass the value in from main.ts or the configuration (PATH may be read, and all of it be handed to a child)',
    find: (file) => {
      const environment = new Set(uses('process.env')(file));
      return [
        ...uses('import env')(file),
        ...visiting((hit) => ({
          MemberExpression: (node) => {
            if (environment.has(node.object.start) && node.object.type === 'MemberExpression') {
              if (!('name' in node.property) || node.computed || node.property.name !== 'PATH') hit(node);
            }
          },
          VariableDeclarator: (node) => {
            if (!node.init || !environment.has(node.init.start) || node.id.type !== 'ObjectPattern') return;
            if (!node.id.properties.some((property) => property.type === 'RestElement')) hit(node);
          },
        }))(file),
      ];
    },
    planted: [
      'process.env.HOME',
      "process['env'].HOME",
      "process.env['HTTP_PROXY']",
      'const { HOME } = process.env',
      "import { env } from 'node:process'",
      'const f = (process: P) => 1;\nf(process.env.HOME)',
    ],
    fine: [
      'container.env.HOME',
      'const f = (process: { env: Env }) => process.env.HOME',
      'process.env.PATH',
      'const { NOTIFY_SOCKET: _notify, ...env } = process.env',
      "spawn('x', [], { env: { ...process.env, A: '1' } })",
    ],
  },
  {
    name: 'process.exit',
    where: (path) => src(path) && !isMain(path) && !path.startsWith('src/adapters/cli/') && !isProgram(path),
    instead: 'throw, and let main.ts end the process',
    find: calls('process.exit', 'process.abort', 'process.reallyExit'),
    planted: ['process.exit(1)'],
  },
  {
    name: 'an empty catch',
    where: code,
    instead: 'handle the error, or throw it on with words',
    find: visiting((hit) => ({
      CatchClause: (node) => {
        if (node.body.body.length === 0) hit(node);
      },
    })),
    planted: ['try { f() } catch {}', 'try { f() } catch (error) { /* nothing to do */ }'],
    fine: ['try { f() } catch (error) { if (!gone(error)) throw error; }'],
  },
  {
    name: 'a promise whose error is thrown away',
    where: src,
    instead: 'handle it, or say in a comment right above who does',
    find: (file) =>
      visiting((hit) => ({
        CallExpression: (node) => {
          const [handler] = node.arguments;
          const silent = methodOf(node.callee) === 'catch' && handler && doesNothing(handler);
          if (silent && !explained(file, handler.start, 3)) hit(handler);
        },
      }))(file),
    planted: ['p.catch(() => {})', 'f().catch(() => undefined)', 'f(1).then(g).catch(function () {})'],
    fine: [
      "p.catch((error) => logger.warn('late', { error }))",
      '// Whoever awaits it sees the error.\np.catch(() => undefined)',
    ],
  },
  {
    name: 'an asynchronous listener that can overlap itself',
    where: src,
    instead: 'for await, or concatMap',
    find: visiting((hit) => ({
      CallExpression: (node) => {
        const [listener] = node.arguments;
        const isAsync = listener && 'async' in listener && listener.async === true;
        if (isAsync && methodOf(node.callee) === 'subscribe') hit(node);
      },
    })),
    planted: ['log.subscribe(async (event) => { await f(event); })', 'f().subscribe(async () => 1)'],
    fine: ['log.subscribe((event) => f(event))'],
  },
  {
    name: 'a default export',
    where: code,
    instead: 'export it by its name',
    find: visiting((hit) => ({ ExportDefaultDeclaration: hit })),
    planted: ['export default class Things {}', 'export default 1'],
  },
  {
    name: 'any',
    where: code,
    instead: 'unknown, and a zod schema at the edge',
    find: visiting((hit) => ({ TSAnyKeyword: hit })),
    planted: ['const x: any = 1', 'f(x as any)', 'type T = Record<string, any>'],
    fine: ["const any = 'any'"],
  },
  {
    name: 'a non-null assertion',
    where: code,
    instead: 'handle the absent case, or throw with words',
    find: visiting((hit) => ({ TSNonNullExpression: hit })),
    planted: ['f(x!)', 'list[0]!.name'],
    fine: ['f(!x)'],
  },
  {
    name: 'silencing the compiler or the linter',
    where: code,
    instead: 'mend what it complains about',
    find: commentsWith(/@ts-(?:ignore|nocheck)|biome-ignore|eslint-disable/),
    planted: ['// @ts-ignore\nf()', '/* biome-ignore lint: x */'],
    fine: ["const text = '@ts-ignore'"],
  },
  {
    name: 'a note of unfinished work',
    where: code,
    instead: 'do it, or open an issue',
    find: commentsWith(
      new RegExp(`\\b(?:${['TO', 'FIX', 'X'].map((t, i) => t + ['DO', 'ME', 'XX'][i]).join('|')})\\b`),
    ),
    planted: [`// ${'TO'}${'DO'}: later`],
    fine: ['// to do this, read on'],
  },
  {
    name: 'a test that runs alone',
    where: under('test/'),
    instead: 'take .only away',
    find: uses('it.only', 'test.only', 'describe.only'),
    planted: ["it.only('x', () => {})"],
  },
];
