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
  fromFiles ??= createRequire(file);
  return fromFiles(id);
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
const run = compile(name, file, readBundle(name, file), undefined, {}).script.runInThisContext();
run.call(module_.exports, module_.exports, requireInBundle, module_, file, path.dirname(file));
if (!startupSnapshot.isBuildingSnapshot()) throw new Error('run this with --build-snapshot');
