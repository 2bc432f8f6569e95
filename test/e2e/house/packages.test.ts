import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * The two ways to install Shiplog, made and unpacked for real: `npm install -g` of the packed tarball (which fetches
 * and compiles the packages with binaries), and the .deb. Both in folders of their own; the host stays as it is.
 */
const repository = resolve(import.meta.dirname, '../../..');
const MINUTES = 60_000;
const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;

let scratch: string;
const run = (command: string, args: readonly string[], cwd = repository): string =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 5 * MINUTES,
  });

/** Programs of an installation by name, as hashes. */
const programs = (lib: string): Record<string, string> =>
  Object.fromEntries(
    ['bin', 'dist'].flatMap((folder) =>
      readdirSync(join(lib, folder), { withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
        .map(({ name }) => [
          `${folder}/${name}`,
          createHash('sha256')
            .update(readFileSync(join(lib, folder, name)))
            .digest('hex'),
        ]),
    ),
  );

/** Exit code of a start that needs no daemon; also with the binaries that the daemon loads. */
const starts = (bin: string, lib: string) => {
  const natives = "for (const name of ['koffi', 'fs-ext', '@node-rs/crc32']) require(name)";
  return [
    spawnSync(join(bin, 'shiplog'), ['--help'], { encoding: 'utf8', cwd: scratch }).status,
    spawnSync(process.execPath, ['-e', natives], { encoding: 'utf8', cwd: lib }).status,
  ];
};

const npmLib = () => join(scratch, 'npm/lib/node_modules/shiplog');
const debLib = () => join(scratch, 'deb/usr/lib/shiplog');

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'shiplog-packages-'));
  run('npm', ['pack', '--pack-destination', scratch]);
  const tarball = readdirSync(scratch).find((name) => name.endsWith('.tgz')) ?? 'no tarball';
  const flags = ['--prefix', join(scratch, 'npm'), '--no-audit', '--no-fund', '--allow-scripts=fs-ext,koffi'];
  run('npm', ['install', '--global', ...flags, join(scratch, tarball)]);
  if (!hasDpkg) return;
  run(process.execPath, ['scripts/package.mjs', scratch]);
  const deb = readdirSync(scratch).find((name) => name.endsWith('.deb')) ?? 'no package';
  run('dpkg-deb', ['-x', join(scratch, deb), join(scratch, 'deb')]);
}, 10 * MINUTES);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('what is installed', () => {
  it('by npm starts', () => {
    expect(starts(join(scratch, 'npm/bin'), npmLib())).toEqual([0, 0]);
  });

  it('by npm is programs, not sources', () => {
    expect(readdirSync(npmLib())).toEqual(expect.arrayContaining(['bin', 'dist', 'LICENSE', 'packaging']));
    expect(readdirSync(npmLib())).not.toEqual(expect.arrayContaining(['src']));
    expect(readdirSync(npmLib())).not.toEqual(expect.arrayContaining(['test']));
  });

  it.skipIf(!hasDpkg)('by the .deb starts (skipped without dpkg-deb)', () => {
    expect(starts(join(scratch, 'deb/usr/bin'), debLib())).toEqual([0, 0]);
  });

  it.skipIf(!hasDpkg)('is the same by both (skipped without dpkg-deb)', () => {
    expect(programs(debLib())).toEqual(programs(npmLib()));
    expect(Object.keys(programs(npmLib()))).toEqual(
      expect.arrayContaining(['dist/shiplogd.js', 'dist/shiplog.js']),
    );
  });

  it.skipIf(!hasDpkg)('by the .deb has a unit and a configuration (skipped without dpkg-deb)', () => {
    const unit = readFileSync(join(scratch, 'deb/lib/systemd/system/shiplogd.service'), 'utf8');
    expect(unit).toMatch(/^KillMode=process$/m);
    expect(unit).toMatch(/^Delegate=yes$/m);
    expect(readFileSync(join(scratch, 'deb/etc/shiplog/config.toml'), 'utf8')).toMatch(/^\[grpc\]$/m);
  });
});
