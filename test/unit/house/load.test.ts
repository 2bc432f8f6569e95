import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repository } from './source-tree.ts';

/** The loader of bin/ with a small bundle of its own. */
let house: string;
const cacheFolder = () => join(house, 'dist/.cache');
const cacheFile = () =>
  join(cacheFolder(), readdirSync(cacheFolder()).find((name) => name.endsWith('.bin')) ?? 'none');

const bundle = (word: string): void => {
  const text = `const answer = () => '${word}';\nprocess.stdout.write(answer() + ' ' + process.argv.slice(2).join());\n`;
  const id = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(house, 'dist/shiplog.js'), `${text}//# build=${id}\n`);
};

const run = (policy?: string, ...options: string[]) => {
  const env = { ...process.env, XDG_CACHE_HOME: join(house, 'home'), SHIPLOG_CODE_CACHE: policy };
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...options, join(house, 'bin/shiplog'), 'a', 'b'],
    {
      env,
      encoding: 'utf8',
    },
  );
  return { stdout, stderr, status };
};

const good = { stdout: 'first a,b', stderr: '', status: 0 };

beforeEach(() => {
  house = mkdtempSync(join(tmpdir(), 'shiplog-load-'));
  cpSync(join(repository, 'bin'), join(house, 'bin'), { recursive: true });
  mkdirSync(join(house, 'dist'));
  bundle('first');
});
afterEach(() => rmSync(house, { recursive: true }));

describe('the loader', () => {
  it('runs the bundle, and leaves a cache that the next run takes', () => {
    expect(run()).toEqual(good);
    const { ino } = statSync(cacheFile());
    expect(run()).toEqual(good);
    expect(statSync(cacheFile()).ino).toBe(ino);
  });

  it('does not take the cache of another build, also of the same length', () => {
    run();
    const { ino } = statSync(cacheFile());
    bundle('other');
    expect(run()).toEqual({ ...good, stdout: 'other a,b' });
    expect(statSync(cacheFile()).ino).not.toBe(ino);
    expect(readdirSync(cacheFolder())).toHaveLength(1);
  });

  const damage: readonly [what: string, harm: (file: string) => void][] = [
    ['cut', (file) => writeFileSync(file, readFileSync(file).subarray(0, 100))],
    ['empty', (file) => writeFileSync(file, '')],
    [
      'garbled',
      (file) =>
        writeFileSync(
          file,
          readFileSync(file).map((byte, at) => (at > 64 ? byte ^ 0xff : byte)),
        ),
    ],
    ['writable by others', (file) => chmodSync(file, 0o666)],
  ];
  it.each(damage)('starts where the cache is %s', (_what, harm) => {
    run();
    harm(cacheFile());
    expect(run()).toEqual(good);
    expect(run()).toEqual(good);
  });

  it.skipIf(process.geteuid?.() !== 0)(
    'takes no cache that another user owns (skipped when not root)',
    () => {
      run();
      const file = cacheFile();
      chownSync(file, 65534, 65534);
      expect(run()).toEqual(good);
      expect(statSync(file).uid).toBe(0);
    },
  );

  it('keeps one for each set of options of V8', () => {
    expect(run()).toEqual(good);
    const { ino } = statSync(cacheFile());
    expect(run(undefined, '--max-semi-space-size=4')).toEqual(good);
    const kept = readdirSync(cacheFolder()).map((name) => statSync(join(cacheFolder(), name)).ino);
    expect(kept).toHaveLength(2);
    expect(kept).toContain(ino);
  });

  it('writes none when told so', () => {
    expect(run('off')).toEqual(good);
    expect(readdirSync(join(house, 'dist'))).toEqual(['shiplog.js']);
  });

  it('writes it anew when told so', () => {
    run();
    const { ino } = statSync(cacheFile());
    run('rebuild');
    expect(statSync(cacheFile()).ino).not.toBe(ino);
  });

  it('says what to do where nothing is built', () => {
    rmSync(join(house, 'dist/shiplog.js'));
    expect(run()).toEqual({
      stdout: '',
      status: 1,
      stderr: expect.stringMatching(/dist\/shiplog\.js.*npm run build/),
    });
  });
});
