'use strict';

/**
 * Makes the snapshot of a program, for `node --snapshot-blob FILE --build-snapshot snapshot.js NAME`: its bundle is run as
 * far as loading goes, with functions from V8's code cache, and what is in memory then is written to FILE.
 * `node --snapshot-blob FILE` goes on from there.
 *
 * Modules that a snapshot can't hold are loaded by the process that starts from it, when they are first touched: five of
 * Node's own, and those of other files. A bundle that touches one while it loads makes no snapshot: that throws.
 */

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { createRequire } = require('node:module');
const { startupSnapshot } = require('node:v8');

const [name] = process.argv.slice(2);
const file = path.join(__dirname, '..', 'dist', `${name}.js`);
/** The last has no memory to share with its threads (their `process.cwd()` throws) when it was loaded for a snapshot. */
const unfit = new Set(['http', 'https', 'http2', 'tls', 'worker_threads']);
let building = true;
const builtin = require;
let fromFiles;
const load = (id) => {
  if (!isLate(id) || unfit.has(bare(id))) return builtin(id);
  if (packages.has(id)) return runFile(packages.get(id));
  fromFiles ??= createRequire(file);
  return fromFiles(id);
};

/**
 * Packages with binaries, found and compiled while the snapshot is made: looking for their files and compiling them took
 * three times as long as loading the binaries. By what the bundle calls them: the path of their first file.
 */
const packages = new Map();
/** Their files by path: what to run, what they ask for, or the value of one of JSON. A binary has neither. */
const files = new Map();
/** What a text asks for by name, and binaries that it names elsewhere. */
const requests = /\brequire\(\s*['"]([^'"]+)['"]\s*\)|['"](\.[^'"]*\.node)['"]/g;

const compileFile = (path_) => {
  if (files.has(path_)) return;
  const found = {};
  files.set(path_, found);
  if (path_.endsWith('.node')) return;
  const text = fs.readFileSync(path_, 'utf8');
  if (path_.endsWith('.json')) {
    found.value = JSON.parse(text);
    return;
  }
  const words = ['exports', 'require', 'module', '__filename', '__dirname'];
  found.run = vm.compileFunction(text, words, { filename: path_ });
  found.paths = new Map();
  const { resolve } = createRequire(path_);
  for (const id of requestsOf(text)) {
    found.paths.set(id, resolved(resolve, id));
    if (found.paths.get(id) !== undefined) compileFile(found.paths.get(id));
  }
};

const requestsOf = (text) =>
  [...text.matchAll(requests)].map(([, id, binary]) => id ?? binary).filter((id) => !isBuiltin(id));

/** Undefined where it is of another platform, or something that may be missing. */
const resolved = (resolve, id) => {
  try {
    return resolve(id);
  } catch {
    return undefined;
  }
};

/** Those packages with binaries that the bundle asks for, now or later. */
const compilePackages = (text) => {
  const { resolve } = createRequire(file);
  for (const id of requestsOf(text)) {
    const first = /^[./]/.test(id) ? undefined : resolved(resolve, id);
    if (first === undefined || packages.has(id)) continue;
    const known = new Set(files.keys());
    compileFile(first);
    const added = [...files.keys()].filter((path_) => !known.has(path_));
    if (added.some((path_) => path_.endsWith('.node'))) packages.set(id, first);
    else for (const path_ of added) files.delete(path_);
  }
};

const modules = new Map();
/** @returns what a file of a package exports, which is run when it is first asked for */
const runFile = (path_) => {
  const there = modules.get(path_);
  if (there !== undefined) return there.exports;
  const { run, paths, value } = files.get(path_);
  const module_ = { exports: value ?? {}, id: path_, filename: path_ };
  if (path_.endsWith('.node')) process.dlopen(module_, path_);
  else if (run !== undefined) {
    const ask = (id) => {
      if (isBuiltin(id)) return builtin(id);
      if (paths.get(id) !== undefined) return runFile(paths.get(id));
      if (!paths.has(id)) return createRequire(path_)(id);
      throw Object.assign(new Error(`Cannot find module '${id}'`), { code: 'MODULE_NOT_FOUND' });
    };
    run.call(module_.exports, module_.exports, ask, module_, path_, path.dirname(path_));
  }
  modules.set(path_, module_);
  return module_.exports;
};

const bare = (id) => id.replace(/^node:/, '');
const isBuiltin = (id) => builtin('node:module').isBuiltin(id);
const isLate = (id) => unfit.has(bare(id)) || !isBuiltin(id);

/** What is asked of unfit modules while a bundle loads. http2's by a Node that can load it: see build-snapshot.js. */
const known = {
  http2: { constants: JSON.parse(process.env.SHIPLOG_HTTP2_CONSTANTS) },
  worker_threads: {
    isMainThread: true,
    Worker: new Proxy(class {}, {
      construct: (_, args) => Reflect.construct(load('worker_threads').Worker, args),
    }),
  },
};

const fill = (base, id) => {
  const loaded = load(id);
  Object.defineProperties(base, Object.getOwnPropertyDescriptors(loaded));
  Object.setPrototypeOf(base, Object.getPrototypeOf(loaded));
  return loaded;
};

/**
 * An object that turns into what the module exports when it is first touched. Bundles look properties up in it or, where
 * they import it as ES modules do, in an object whose prototype is that of this one: so all is in its prototype.
 */
const late = (id) => {
  const touched = (_, key) => {
    if (!building) return Reflect.get(fill(base, id), key);
    if (key === '__esModule') return undefined;
    if (key in (known[bare(id)] ?? {})) return known[bare(id)][key];
    throw new Error(`${name} uses ${String(key)} of ${id} while it loads: no snapshot can be made`);
  };
  const has = (_, key) => key in fill(base, id);
  const base = Object.create(new Proxy({}, { get: touched, has }));
  return Object.create(base);
};

const lateById = new Map();
const requireInBundle = (id) => {
  if (!building || !isLate(id)) return load(id);
  if (!lateById.has(id)) lateById.set(id, late(id));
  return lateById.get(id);
};

const loader = { exports: {} };
vm.compileFunction(
  fs.readFileSync(path.join(__dirname, 'load.js'), 'utf8'),
  ['require', 'module', '__dirname'],
  {
    filename: path.join(__dirname, 'load.js'),
  },
)(builtin, loader, __dirname);
const { compile, readBundle, holdYoungSpace } = loader.exports;

startupSnapshot.addDeserializeCallback(() => {
  building = false;
  if (name === 'shiplogd') holdYoungSpace();
});
const module_ = { exports: {} };
const bundle = readBundle(name, file);
compilePackages(bundle.source);
const run = compile(name, file, bundle, undefined, {}).script.runInThisContext();
run.call(module_.exports, module_.exports, requireInBundle, module_, file, path.dirname(file));
if (!startupSnapshot.isBuildingSnapshot()) throw new Error('run this with --build-snapshot');
// What it was made of besides, for build-snapshot.js: a line each.
fs.writeSync(1, [...files.keys()].join('\n'));
