import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './entries.mjs';

/** A slow machine's daemon has answered by then, and ended by then once it was told to. Milliseconds. */
const PATIENCE = 15_000;
/** A start does more than what comes before the first answer. Milliseconds. */
const SETTLED = 1000;

/** What most runs of the command line are. With the daemon's answer, where there is one. */
const lines = [
  ['version'],
  ['ps'],
  ['ps', '-a'],
  ['run', '--help'],
  ['run', '--pull', 'never', 'none'],
  ['rm', 'nothing'],
];

/**
 * Each run adds the functions it used to V8's code cache. The daemon serves the command line meanwhile; without root it
 * ends at once. Without a cache programs only start slower, so nothing fails here.
 */
export const warm = async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'shiplog-warm-'));
  const socket = join(scratch, 's.sock');
  const options = { cwd: scratch, env: { ...process.env, SHIPLOG_CODE_CACHE: 'rebuild' }, stdio: 'ignore' };
  // A code cache is of the options of V8 that it was made with.
  const { v8Options } = createRequire(import.meta.url)(join(root, 'bin', 'load.js'));
  const words = (name) => [...v8Options(name), join(root, 'bin', name)];
  const folders = ['--root', join(scratch, 'root'), '--state', join(scratch, 'state')];
  const daemon = spawn(process.execPath, [...words('shiplogd'), ...folders, '--address', socket], options);
  const ended = new Promise((resolve) => daemon.once('close', resolve));
  try {
    const until = Date.now() + PATIENCE;
    while (!existsSync(socket) && daemon.exitCode === null && Date.now() < until) await sleep(20);
    for (const line of lines) {
      const args = [...words('shiplog'), '--address', socket, ...line];
      spawnSync(process.execPath, args, { ...options, timeout: PATIENCE, killSignal: 'SIGKILL' });
    }
    await sleep(SETTLED);
    daemon.kill('SIGTERM');
    const patience = setTimeout(() => daemon.kill('SIGKILL'), PATIENCE);
    await ended;
    clearTimeout(patience);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
