import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** bin/ with a small bundle of its own, and a snapshot of it. */
let house: string;
const cache = () => join(house, 'dist/.cache');
const pointer = () => join(cache(), 'shiplog.snapshot');

/** Says how it was started; http2 is a module that no snapshot can hold. */
const program = (word: string): string => `const { startupSnapshot: snapshot } = require('node:v8');
const http2 = require('node:http2');
const threads = require('node:worker_threads');
const cancel = http2.constants.NGHTTP2_CANCEL;
let place = 'bundle';
const main = () => {
  if (process.argv[2] === '--version') return;
  const facts = [place, '${word}', cancel, typeof http2.connect, process.env.COLOUR, process.env.SHIPLOG_SNAPSHOT];
  const thread = new threads.Worker("require('node:worker_threads').parentPort.postMessage(process.cwd())", { eval: true });
  thread.on('message', (cwd) => process.stdout.write(facts.concat(cwd, process.argv.slice(1)).join()));
};
if (snapshot.isBuildingSnapshot()) { place = 'snapshot'; snapshot.setDeserializeMainFunction(main); }
else main();
`;

const bundle = (text: string): void => {
  const id = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(house, 'dist/shiplog.js'), `${text}//# build=${id}\n`);
};

const build = (name = 'shiplog') =>
  spawnSync(process.execPath, [join(house, 'bin/build-snapshot.js'), name], { encoding: 'utf8' });

const run = (env: NodeJS.ProcessEnv = {}, file = join(house, 'bin/shiplog')): string => {
  const options = { env: { ...process.env, COLOUR: 'red', SHIPLOG_CODE_CACHE: 'off', ...env } };
  const { stdout, stderr, status } = spawnSync(file, ['a', 'b c'], { ...options, encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
};

const started = (place: string, { word = 'first', seen = '', file = join(house, 'bin/shiplog') } = {}) =>
  [place, word, 8, 'function', 'red', seen, process.cwd(), file, 'a', 'b c'].join();

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'shiplog launch-'));
  cpSync(join(repository, 'bin'), join(house, 'bin'), { recursive: true });
  mkdirSync(join(house, 'dist'));
  bundle(program('first'));
  expect(build()).toMatchObject({ stderr: '', status: 0 });
});
afterAll(() => rmSync(house, { recursive: true }));

describe('a program with a snapshot', () => {
  it('starts from it, with the arguments and the environment of now', () => {
    expect(run()).toBe(started('snapshot'));
  });

  it('starts from it by another name, which it is told', () => {
    const link = join(house, 'containerd');
    symlinkSync(join(house, 'bin/shiplog'), link);
    expect(run({}, link)).toBe(started('snapshot', { file: link }));
  });

  it('starts from its bundle when told so, and when Node is given options', () => {
    expect(run({ SHIPLOG_SNAPSHOT: 'off' })).toBe(started('bundle', { seen: 'off' }));
    expect(run({ NODE_OPTIONS: '--no-warnings' })).toBe(started('bundle'));
  });
});

describe('a program starts from its bundle where', () => {
  const asBefore: readonly [what: string, harm: () => void, undo: () => void][] = [
    [
      'there is no pointer to a snapshot',
      () => renameSync(pointer(), `${pointer()}.old`),
      () => renameSync(`${pointer()}.old`, pointer()),
    ],
    ['others may write the pointer', () => chmodSync(pointer(), 0o666), () => chmodSync(pointer(), 0o644)],
  ];
  it.each(asBefore)('%s', (_what, harm, undo) => {
    harm();
    expect(run()).toBe(started('bundle'));
    undo();
    expect(run()).toBe(started('snapshot'));
  });

  it.skipIf(process.geteuid?.() !== 0)('another user owns the pointer (skipped when not root)', () => {
    chownSync(pointer(), 65534, 65534);
    expect(run()).toBe(started('bundle'));
    chownSync(pointer(), 0, 0);
  });

  it('another node comes first in PATH', () => {
    const folder = join(house, 'other');
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, 'node'));
    expect(run({ PATH: `${folder}:${process.env.PATH}` })).toBe(started('bundle'));
  });

  const snapshots = () =>
    readdirSync(cache())
      .filter((name) => name.endsWith('.blob'))
      .map((name) => join(cache(), name));
  const forGood: readonly [what: string, harm: () => void][] = [
    ['the snapshot was touched', () => snapshots().map((file) => utimesSync(file, 1, 1))],
    ['the snapshot is gone', () => snapshots().map((file) => rmSync(file))],
  ];
  it.each(forGood)('%s', (_what, harm) => {
    expect(snapshots()).toHaveLength(1);
    harm();
    expect(run()).toBe(started('bundle'));
  });

  it('the bundle is another', () => {
    expect(build().status).toBe(0);
    bundle(program('other'));
    expect(run()).toBe(started('bundle', { word: 'other' }));
  });
});

describe('a snapshot', () => {
  it('is made anew in the place of the old one', () => {
    bundle(program('third'));
    expect(build().status).toBe(0);
    expect(run()).toBe(started('snapshot', { word: 'third' }));
    expect(readdirSync(cache())).toHaveLength(2);
  });

  it('is of the options of V8 that the file of its program names, and none of others is taken', () => {
    const options = join(house, 'bin/shiplog.options');
    const given = '--max-semi-space-size=4';
    const first = (place: string, option: string) =>
      started(place, { word: 'options' }).replace('red', option);
    bundle(program('options').replace('process.env.COLOUR', 'process.execArgv[0]'));
    expect(build().status).toBe(0);
    expect(run()).toBe(first('snapshot', '--snapshot-blob'));
    writeFileSync(options, `${given}\n`);
    expect(run()).toBe(first('bundle', given));
    expect(build().status).toBe(0);
    expect(run()).toBe(first('snapshot', given));
    rmSync(options);
    expect(run()).toBe(first('bundle', ''));
  });

  it('holds packages with binaries, as their files are', () => {
    const [from, to] = [repository, house].map((folder) => join(folder, 'node_modules/fs-ext'));
    for (const part of ['package.json', 'fs-ext.js', 'build/Release/fs_ext.node']) {
      cpSync(join(from ?? '', part), join(to ?? '', part));
    }
    const packed = (place: string) => started(place, { word: 'packed' }).replace('red', 'function');
    bundle(program('packed').replace('process.env.COLOUR', "typeof require('fs-ext').flockSync"));
    expect(build().status).toBe(0);
    expect(run()).toBe(packed('snapshot'));
    utimesSync(join(to ?? '', 'fs-ext.js'), 1, 1);
    expect(run()).toBe(packed('bundle'));
    expect(build().status).toBe(0);
    expect(run()).toBe(packed('snapshot'));
  });

  it('is not made of a program that uses what it can not hold while it loads, which says so', () => {
    bundle(`require('node:http2').connect;\n${program('fourth')}`);
    const { status, stderr } = build();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^shiplog: no snapshot of shiplog, .*uses connect of node:http2 while it loads/s);
    expect(run()).toBe(started('bundle', { word: 'fourth' }));
  });

  it('is not kept of a program that does not start from it', () => {
    bundle(program('fifth').replace('return;', 'process.exit(3);'));
    expect(build().status).toBe(1);
    expect(readdirSync(cache()).filter((name) => name.endsWith('.blob'))).toHaveLength(1);
  });

  it.each(['shiplog', 'shiplogd'])('can be made of %s itself', (name) => {
    cpSync(join(repository, `dist/${name}.js`), join(house, `dist/${name}.js`));
    expect(build(name)).toMatchObject({ stderr: '', status: 0 });
  });
});
