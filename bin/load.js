'use strict';

/**
 * Starts a bundle from dist/ with V8's code cache, which saves about half of the time to start. A cache that is
 * missing, stale, made by another Node or damaged is only a reason to compile and to write a new one: nothing here
 * can keep a program from starting.
 *
 * A cache is code, so one is taken only from a file that root or the user owns and no one else can write.
 * `SHIPLOG_CODE_CACHE`: `off` neither reads nor writes; `rebuild` also writes when the cache was good.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const Module = require('node:module');

const dist = path.join(__dirname, '..', 'dist');
/** Bytes of a build id, the line that closes every bundle: `//# build=<sha256>`. */
const BUILD_ID = 64;
/** A daemon has done what it does at start by then. Milliseconds. */
const SETTLED_AFTER = 3000;
/** Then clients that waited for it have been served, too. Milliseconds. */
const QUIET_AFTER = 20_000;

const cacheFolders = () => {
  const own =
    process.geteuid() === 0
      ? '/var/cache/shiplog'
      : process.env.XDG_CACHE_HOME
        ? path.join(process.env.XDG_CACHE_HOME, 'shiplog')
        : process.env.HOME && path.join(process.env.HOME, '.cache', 'shiplog');
  return [path.join(dist, '.cache'), own].filter((folder) => folder && path.isAbsolute(folder));
};

/** Of V8's version, its options and the processor: code of other ones is no use. Before anything here changes an option. */
const tag = v8.cachedDataVersionTag().toString(16);

const cacheName = (name) => `${name}-${process.version}-${process.arch}-${tag}.bin`;

/** V8's options that a program always has, which launch.sh gives it. */
const v8Options = (name) => {
  try {
    return fs
      .readFileSync(path.join(__dirname, `${name}.options`), 'utf8')
      .split(/\s+/)
      .filter(Boolean);
  } catch (error) {
    if (error.code === 'ENOENT') return []; // Most have none.
    throw error;
  }
};

/** The cached data for this build, or undefined. */
const readTrusted = (file, buildId) => {
  let fd;
  try {
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch {
    return undefined; // None here: the usual case, not an error.
  }
  try {
    const { uid, mode } = fs.fstatSync(fd);
    if ((uid !== 0 && uid !== process.geteuid()) || (mode & 0o022) !== 0) return undefined;
    const bytes = fs.readFileSync(fd);
    return bytes.toString('latin1', 0, BUILD_ID) === buildId ? bytes.subarray(BUILD_ID) : undefined;
  } catch {
    return undefined; // Unreadable: compile instead.
  } finally {
    fs.closeSync(fd);
  }
};

const writeCache = (name, buildId, script) => {
  const bytes = Buffer.concat([Buffer.from(buildId, 'latin1'), script.createCachedData()]);
  for (const folder of cacheFolders()) {
    const fresh = path.join(folder, `${cacheName(name)}.${process.pid}.new`);
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
      fs.writeFileSync(fresh, bytes, { mode: 0o644, flag: 'wx' });
      fs.chmodSync(fresh, 0o644);
      fs.renameSync(fresh, path.join(folder, cacheName(name)));
      return;
    } catch {
      fs.rmSync(fresh, { force: true }); // Not writable, or full: try the next folder, else start slowly again.
    }
  }
};

const [before, after] = [Module.wrapper[0], Module.wrapper[1]].map((text) => Buffer.from(text, 'latin1'));

/** The bundle as a function of a module, and its build id. Put together as bytes, so that its text is held once only. */
const readBundle = (name, file) => {
  try {
    const bundle = fs.readFileSync(file);
    return {
      source: Buffer.concat([before, bundle, after]).latin1Slice(), // The bundler writes ASCII only.
      buildId: bundle.latin1Slice(bundle.length - BUILD_ID - 1, bundle.length - 1),
    };
  } catch (error) {
    process.stderr.write(`${name}: cannot read ${file} (${error.code}); run 'npm run build' first\n`);
    process.exit(1);
  }
};

const compile = (name, file, { source, buildId }, policy, options) => {
  let cachedData;
  for (const folder of policy === 'off' ? [] : cacheFolders()) {
    cachedData ??= readTrusted(path.join(folder, cacheName(name)), buildId);
  }
  const script = new vm.Script(source, {
    filename: file,
    cachedData,
    ...options,
  });
  const good = cachedData !== undefined && !script.cachedDataRejected;
  return { script, save: () => writeCache(name, buildId, script), good };
};

/**
 * Keeps the space for young objects at the size that loading a daemon took, until that has settled: what a start makes says
 * nothing about what comes then, and V8 would hold the room for it, 8 MB or more. It grows as usual afterwards.
 * @returns lets it grow, at once
 */
const holdYoungSpace = () => {
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  const letGo = () => v8.setFlagsFromString('--semi-space-growth-factor=2'); // V8's own
  setTimeout(letGo, SETTLED_AFTER).unref();
  return letGo;
};

/** Saves once, when the functions that a start needs have been compiled: at the exit, or when a daemon has settled. */
const saveOnce = (save) => {
  let saved = false;
  const once = () => {
    if (saved) return;
    saved = true;
    try {
      save();
    } catch (error) {
      if (process.env.SHIPLOG_CODE_CACHE === 'rebuild') throw error;
    }
  };
  setTimeout(once, SETTLED_AFTER).unref();
  process.once('exit', once);
};

/**
 * A daemon that was started without a snapshot that fits has those of all programs made, in a process of its own: for
 * the next start.
 */
const makeSnapshots = () => {
  const { spawn } = require('node:child_process');
  const words = [path.join(__dirname, 'build-snapshot.js'), 'shiplogd', 'shiplog'];
  const child = spawn(process.execPath, words, { detached: true, stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', (error) => process.stderr.write(`shiplogd: no snapshot is made: ${error.message}\n`));
  if (child.pid) os.setPriority(child.pid, os.constants.priority.PRIORITY_LOW);
  child.unref();
};

const load = (name) => {
  const missing = process.env.SHIPLOG_SNAPSHOT === 'missing';
  if (missing) delete process.env.SHIPLOG_SNAPSHOT; // Of no concern to what is started from here.
  if (missing && name === 'shiplogd') {
    setTimeout(() => {
      process.stderr.write(`shiplogd: started without a snapshot that fits; making one in ${dist}/.cache\n`);
      makeSnapshots();
    }, QUIET_AFTER).unref();
  }
  const policy = process.env.SHIPLOG_CODE_CACHE;
  const file = path.join(dist, `${name}.js`);
  const { script, save, good } = compile(name, file, readBundle(name, file), policy, {
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  let letGo = () => undefined;
  // A cache is of the flags that hold when it is saved.
  if (policy !== 'off' && (!good || policy === 'rebuild')) {
    saveOnce(() => {
      letGo();
      save();
    });
  }
  const module = new Module(file, null);
  module.filename = file;
  module.paths = Module._nodeModulePaths(dist);
  const run = script.runInThisContext();
  if (name === 'shiplogd') letGo = holdYoungSpace();
  run.call(module.exports, module.exports, Module.createRequire(file), module, file, dist);
};

module.exports = { compile, holdYoungSpace, load, readBundle, v8Options };
