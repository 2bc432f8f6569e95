'use strict';

/**
 * `node build-snapshot.js NAME…`: makes the snapshots that launch.sh starts programs from, tries each, and only then lets it
 * be found. Ends with 1 where one could not be made; programs start from their bundles then.
 */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http2 = require('node:http2');
const path = require('node:path');
const { v8Options } = require('./load.js');

const folder = path.join(__dirname, '..', 'dist', '.cache');
/** Packages may keep what they read of it while they load: no more than what finding code caches needs. */
const env = {
  ...Object.fromEntries(['PATH', 'HOME', 'XDG_CACHE_HOME'].map((name) => [name, process.env[name] ?? ''])),
  NODE_NO_WARNINGS: '1',
  SHIPLOG_HTTP2_CONSTANTS: JSON.stringify(http2.constants),
};
/** Milliseconds. */
const PATIENCE = 60_000;

const node = (...args) => execFileSync(process.execPath, args, { env, timeout: PATIENCE, stdio: 'pipe' });

/** The node that launch.sh would take, which must be this one. */
const launched = () => {
  const found = execFileSync('/bin/sh', ['-c', 'command -v node'], { encoding: 'utf8' }).trim();
  if (fs.realpathSync(found) !== fs.realpathSync(process.execPath))
    throw new Error(`programs would be started by ${found}, and this is ${process.execPath}`);
  return found;
};

const writeDurably = (file, text) => {
  const fd = fs.openSync(file, 'wx', 0o644);
  try {
    fs.writeFileSync(fd, text);
    fs.fchmodSync(fd, 0o644);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};

const sync = (file) => {
  const fd = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};

const build = (name) => {
  const blob = `${name}-${process.pid}-${Date.now()}.blob`;
  const pointer = path.join(folder, `${name}.snapshot`);
  const options = v8Options(name);
  const [file, fresh] = [path.join(folder, blob), `${pointer}.${process.pid}.new`];
  const draft = `${fresh}.draft`;
  try {
    const make = ['--build-snapshot', path.join(__dirname, 'snapshot.js'), name];
    const packages = node(...options, '--snapshot-blob', file, ...make).toString();
    fs.chmodSync(file, 0o644);
    sync(file);
    node(...options, '--snapshot-blob', file, path.join(__dirname, name), '--version');
    const script = '. "$3/snapshot-facts.sh"; snapshot_facts "$@"';
    fs.writeFileSync(draft, `${blob}\n\n${packages}\n`);
    const args = ['-c', script, 'sh', launched(), name, __dirname, blob, draft, options.join(' ')];
    const facts = execFileSync('/bin/sh', args, { encoding: 'utf8' }).trim();
    writeDurably(fresh, `${blob}\n${facts.slice(facts.indexOf(';') + 1)}\n${packages}\n`);
    fs.renameSync(fresh, pointer);
    fs.rmSync(draft);
  } catch (error) {
    for (const left of [file, fresh, draft]) fs.rmSync(left, { force: true });
    const said = error.stderr?.toString().trim() || error.message;
    process.stderr.write(`shiplog: no snapshot of ${name}, it starts from its bundle: ${said}\n`);
    process.exitCode = 1;
    return;
  }
  for (const other of fs.readdirSync(folder)) {
    if (other !== blob && other.startsWith(`${name}-`) && other.endsWith('.blob'))
      fs.rmSync(path.join(folder, other));
  }
};

fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
for (const name of process.argv.slice(2)) build(name);
