import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { defaultConfig } from './docs-configuration.mjs';
import { natives, root } from './entries.mjs';

/**
 * `npm run package [-- FOLDER]`: shiplog_VERSION_ARCH.deb in FOLDER, or the top folder. It holds what `npm install -g` would: bin/, dist/, and
 * the packages with binaries. fs-ext is compiled for one major version of Node, so the package asks for that one.
 */
const output = (command, args) => execFileSync(command, args, { cwd: root, encoding: 'utf8' }).trim();
const packageJson = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** The natives and everything they load at run time, the packages with their binaries included. */
const runtimePackages = (names, found = new Set()) => {
  for (const name of names) {
    const folder = join(root, 'node_modules', name);
    if (found.has(name) || !existsSync(folder)) continue;
    found.add(name);
    const { dependencies = {}, optionalDependencies = {} } = packageJson(folder);
    runtimePackages([...Object.keys(dependencies), ...Object.keys(optionalDependencies)], found);
  }
  // Headers for compiling, which was done here.
  found.delete('nan');
  return [...found].sort();
};

const skippedFolder = /\/(?:vendor|tests?|docs?|obj\.target|\.[^/]*)\//;
const skippedFile = /\/(?:example|run_tests|build|install)\.js$/;

/** Of a package: its code, its binaries, its manifest and its licence. */
const shipped = (path, isFolder) => {
  if (skippedFolder.test(`${path}/`)) return false;
  return (
    isFolder ||
    /licen[cs]e/i.test(basename(path)) ||
    (/\.(?:c?js|json|node)$/.test(path) && !skippedFile.test(path))
  );
};

const copy = (from, to, filter = () => true) => {
  mkdirSync(dirname(to), { recursive: true });
  const wanted = (source) => filter(`/${relative(from, source)}`, statSync(source).isDirectory());
  cpSync(from, to, { recursive: true, filter: wanted });
};

const write = (file, text, mode = 0o644) => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
};

const control = ({ version, description }, architecture, kibibytes) => {
  const major = Number(process.versions.node.split('.')[0]);
  const floor = major === 20 ? '20.18' : `${major}`;
  return `Package: shiplog
Version: ${version}
Architecture: ${architecture}
Section: admin
Priority: optional
Maintainer: Shiplog contributors <shiplog@localhost>
Installed-Size: ${kibibytes}
Depends: nodejs (>= ${floor}), nodejs (<< ${major + 1}~), runc, conmon, containerd | containerd.io, libc6, libstdc++6
Recommends: isal, zstd, ca-certificates
Description: container runtime whose only source of truth is an event log
 ${description}.
 It does containerd's job: pulls images, unpacks them onto overlayfs and runs
 them under runc, and explains every step from its log.
`;
};

const POSTINST = `#!/bin/sh
set -e
rm -rf /usr/lib/shiplog/dist/.cache /var/cache/shiplog
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || true
fi
`;

/** Containers run on when the daemon stops, also for an upgrade. */
const PRERM = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl stop shiplogd.service || true
fi
rm -rf /usr/lib/shiplog/dist/.cache
`;

const POSTRM = `#!/bin/sh
set -e
rm -rf /var/cache/shiplog
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || true
fi
`;

const fill = async (stage, manifest) => {
  const lib = join(stage, 'usr/lib/shiplog');
  copy(join(root, 'bin'), join(lib, 'bin'));
  copy(join(root, 'packaging/containerd'), join(lib, 'packaging/containerd'));
  copy(join(root, 'dist'), join(lib, 'dist'), (path) => !/^\/(?:\.cache|bench)|\.map$|\.new$/.test(path));
  for (const name of runtimePackages(natives)) {
    copy(join(root, 'node_modules', name), join(lib, 'node_modules', name), shipped);
  }
  const { name, version, description, license, type } = manifest;
  write(
    join(lib, 'package.json'),
    `${JSON.stringify({ name, version, description, license, type }, null, 2)}\n`,
  );
  mkdirSync(join(stage, 'usr/bin'), { recursive: true });
  for (const program of ['shiplog', 'shiplogd', 'shiplog-verify']) {
    symlinkSync(`../lib/shiplog/bin/${program}`, join(stage, 'usr/bin', program));
  }
  copy(join(root, 'packaging/shiplogd.service'), join(stage, 'lib/systemd/system/shiplogd.service'));
  copy(join(root, 'LICENSE'), join(stage, 'usr/share/doc/shiplog/copyright'));
  copy(join(root, 'README.md'), join(stage, 'usr/share/doc/shiplog/README.md'));
  write(join(stage, 'etc/shiplog/config.toml'), await defaultConfig());
  if (existsSync(join(root, 'packaging/completions'))) {
    const completions = join(stage, 'usr/share');
    copy(join(root, 'packaging/completions'), completions);
  }
};

/** What was left out must not have been needed. */
const loads = (lib) => {
  const program = `for (const name of ${JSON.stringify(natives)}) require(name);`;
  execFileSync(process.execPath, ['-e', program], { cwd: lib, stdio: 'inherit' });
};

const stage = mkdtempSync(join(tmpdir(), 'shiplog-deb-'));
try {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-warm'], {
    cwd: root,
    stdio: 'inherit',
  });
  const manifest = packageJson(root);
  await fill(stage, manifest);
  loads(join(stage, 'usr/lib/shiplog'));
  const architecture = output('dpkg', ['--print-architecture']);
  const [kibibytes] = output('du', ['-sk', stage]).split('\t');
  write(join(stage, 'DEBIAN/control'), control(manifest, architecture, kibibytes));
  write(join(stage, 'DEBIAN/conffiles'), '/etc/shiplog/config.toml\n');
  write(join(stage, 'DEBIAN/postinst'), POSTINST, 0o755);
  write(join(stage, 'DEBIAN/prerm'), PRERM, 0o755);
  write(join(stage, 'DEBIAN/postrm'), POSTRM, 0o755);
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', stage]);
  const file = join(resolve(process.argv[2] ?? root), `shiplog_${manifest.version}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', stage, file], {
    stdio: 'inherit',
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
