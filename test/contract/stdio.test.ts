import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holderEntry } from '../../src/adapters/stdio/holder-entry.ts';
import { createContainerLogs } from '../../src/adapters/stdio/log-reader.ts';
import { createStdio, type HeldStdio } from '../../src/adapters/stdio/stdio.ts';
import { ExecId } from '../../src/domain/identity.ts';
import type { Attachment, ProcessKey, StdioPaths } from '../../src/engine/ports/stdio.ts';
import { taskKey } from '../support/task.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const process1: ProcessKey = taskKey('web');
const holderPid = (directory: string): number => Number(readFileSync(join(directory, 'holder.lock'), 'utf8'));

describe('stdio held by the holder process', () => {
  let temp: ReturnType<typeof makeTempDir>;
  let directory: string;
  let stdio: HeldStdio;
  const opened: HeldStdio[] = [];
  const connect = (): HeldStdio => {
    const made = createStdio({ directory, entry: holderEntry(), idleMs: 300 });
    opened.push(made);
    return made;
  };
  const log = () => ({ path: join(temp.path, 'logs/web.log'), maxBytes: 1 << 20, maxFiles: 3 });
  const logged = async (): Promise<string> => {
    let text = '';
    for await (const entry of createContainerLogs().read(log().path, { follow: false })) {
      text += Buffer.from(entry.bytes).toString();
    }
    return text;
  };
  const all = async (attachment: Attachment): Promise<string> => {
    let text = '';
    for await (const chunk of attachment.output) text += `${chunk.stream}:${Buffer.from(chunk.bytes)}`;
    return text;
  };
  /** Writes as the runtime does. */
  const writer = (paths: StdioPaths): number => openSync(paths.stdout, constants.O_WRONLY);

  beforeEach(async () => {
    temp = makeTempDir('stdio');
    directory = join(temp.path, 'h');
    stdio = connect();
    await stdio.warm();
  });
  afterEach(async () => {
    for (const key of await stdio.list().catch(() => [])) await stdio.close(key);
    for (const each of opened.splice(0)) each.disconnect();
    temp.remove();
  });

  it('logs and hands on what is written, and sees the end exactly when the last writer goes', async () => {
    const paths = await stdio.open(process1, { terminal: false, stdin: false, log: log() });
    const attachment = await stdio.attach(process1);
    const output = all(attachment);
    const one = writer(paths);
    const two = writer(paths);
    writeSync(one, 'hello\n');
    closeSync(one);
    writeSync(two, 'world');
    const errors = openSync(paths.stderr, constants.O_WRONLY);
    closeSync(errors);
    closeSync(two);
    expect(await output).toMatch(/^stdout:hello\n(stdout:)?world$/);
    await stdio.drained(process1, 5000);
    expect(await logged()).toBe('hello\nworld');
  });
  it('does not take "nobody has opened it yet" for the end', async () => {
    const paths = await stdio.open(process1, { terminal: true, stdin: false, log: log() });
    const output = all(await stdio.attach(process1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const one = writer(paths);
    writeSync(one, 'late');
    closeSync(one);
    expect(await output).toBe('stdout:late');
  });
  it('keeps input until the runtime opens its end, and closes after it', async () => {
    const paths = await stdio.open(process1, { terminal: true, stdin: true });
    const attachment = await stdio.attach(process1);
    const output = all(attachment);
    await attachment.write(Buffer.from('a'.repeat(300_000)));
    const closed = attachment.closeStdin();
    const reader = await open(paths.stdin, 'r');
    expect((await reader.readFile('utf8')).length).toBe(300_000);
    await closed;
    await reader.close();
    closeSync(writer(paths));
    expect(await output).toBe('');
  });
  it('gives the same paths again and lists what is open', async () => {
    const exec: ProcessKey = { ...process1, execId: ExecId.parse('e1') };
    const options = { terminal: false, stdin: true };
    const first = await stdio.open(exec, options);
    expect(await stdio.open(exec, options)).toEqual(first);
    expect(await stdio.list()).toEqual([exec]);
    await stdio.close(exec);
    await stdio.close(exec);
    expect(await stdio.list()).toEqual([]);
    await expect(stdio.attach(exec)).rejects.toMatchObject({ code: 'not-found' });
  });
  it('goes on logging while no daemon is connected, and outlives it', async () => {
    const paths = await stdio.open(process1, { terminal: true, stdin: false, log: log() });
    const one = writer(paths);
    stdio.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    writeSync(one, 'while you were away\n');
    closeSync(one);
    stdio = connect();
    await stdio.drained(process1, 5000);
    expect(await logged()).toBe('while you were away\n');
  });
  it('is taken up by a new holder when the old one is killed', async () => {
    const paths = await stdio.open(process1, { terminal: true, stdin: false, log: log() });
    const one = writer(paths);
    const keeper = openSync(paths.stdout, constants.O_RDONLY | constants.O_NONBLOCK); // the shim holds one too
    writeSync(one, 'before\n');
    const output = all(await stdio.attach(process1));
    await expect.poll(logged).toBe('before\n');
    process.kill(holderPid(directory), 'SIGKILL');
    await expect(output).rejects.toMatchObject({ code: 'unavailable' });
    writeSync(one, 'between\n');
    expect(await stdio.list()).toEqual([process1]);
    writeSync(one, 'after\n');
    closeSync(one);
    closeSync(keeper);
    await stdio.drained(process1, 5000);
    expect(await logged()).toBe('before\nbetween\nafter\n');
  });
  it('lets a client go that never reads, and logs on', { timeout: 20_000 }, async () => {
    const paths = await stdio.open(process1, {
      terminal: true,
      stdin: false,
      log: { ...log(), maxBytes: 1 << 26 },
    });
    const attachment = await stdio.attach(process1);
    const file = await open(paths.stdout, 'w');
    const block = Buffer.alloc(64 * 1024, `${'x'.repeat(1023)}\n`);
    for (let written = 0; written < 64; written++) await file.write(block);
    await file.close();
    await stdio.drained(process1, 15_000);
    expect((await logged()).length).toBe(64 * block.length);
    await expect(all(attachment)).rejects.toMatchObject({ code: 'resource-exhausted' });
  });
  it('resolves drained after the time given when a descendant keeps the streams', async () => {
    const paths = await stdio.open(process1, { terminal: true, stdin: false });
    const one = writer(paths);
    const begun = performance.now();
    await stdio.drained(process1, 200);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(195);
    closeSync(one);
  });
  it('has one holder however many ask at once, which goes when it is not needed', async () => {
    const others = Array.from({ length: 8 }, connect);
    await Promise.all(others.map((each) => each.warm()));
    const pid = holderPid(directory);
    for (const each of opened) each.disconnect();
    const gone = (): boolean => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    };
    await expect.poll(gone, { timeout: 5000 }).toBe(true);
    stdio = connect();
    await stdio.warm();
    expect(await stdio.list()).toEqual([]);
    expect(holderPid(directory)).not.toBe(pid);
  });
  it('goes when its folder was removed, but not before the last process it holds has ended', async () => {
    const one = writer(await stdio.open(process1, { terminal: true, stdin: false }));
    const pid = holderPid(directory);
    stdio.disconnect();
    rmSync(directory, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(process.kill(pid, 0)).toBe(true);
    closeSync(one);
    await expect.poll(() => existsSync(`/proc/${pid}/exe`), { timeout: 5000 }).toBe(false);
    stdio = connect();
    expect(await stdio.list()).toEqual([]);
  });
  it('says so when its directory is too long for a socket', () => {
    const long = { directory: join(temp.path, 'x'.repeat(100)), entry: holderEntry(), idleMs: 300 };
    expect(() => createStdio(long)).toThrow(/choose a shorter state directory/);
  });
});
