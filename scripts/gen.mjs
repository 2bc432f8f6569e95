import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './entries.mjs';

/**
 * Makes src/gen from proto/. Quick when nothing changed: what it was made from is stamped beside it.
 */
const stampFile = join(root, 'src/gen/.stamp');

const fingerprint = () => {
  const hash = createHash('sha256');
  const protos = readdirSync(join(root, 'proto'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.proto'))
    .sort()
    .map((file) => join('proto', file));
  for (const file of [
    'buf.yaml',
    'buf.gen.yaml',
    'package-lock.json',
    'scripts/protoc-gen-methods.mjs',
    ...protos,
  ]) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
};

export const gen = () => {
  const wanted = fingerprint();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  rmSync(stampFile, { force: true });
  const bin = join(root, 'node_modules/.bin');
  execFileSync(join(bin, 'buf'), ['generate'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    timeout: 120_000,
  });
  writeFileSync(stampFile, wanted);
};

if (process.argv[1] === import.meta.filename) gen();
