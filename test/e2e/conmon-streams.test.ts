import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ExecId } from '../../src/domain/identity.ts';
import type { Attachment } from '../../src/engine/ports/stdio.ts';
import { missingHere } from '../support/machine.ts';
import { collect, makeRuntimeHost, type RuntimeHost } from '../support/runtime-host.ts';
import { type ConfigOverrides, containerConfig, taskKey } from '../support/task.ts';

const missing = missingHere({ root: true, programs: ['runc', 'conmon'] });
const suite = missing ? `streams that conmon holds (skipped: ${missing})` : 'streams that conmon holds';

describe.skipIf(missing)(suite, () => {
  let host: RuntimeHost;
  beforeAll(async () => {
    host = await makeRuntimeHost('streams', 'conmon');
  });
  afterAll(() => host?.close());
  afterEach(async () => {
    for (const { task } of await host.runtime.probe()) await host.runtime.purge(task);
    for (const key of await host.stdio.list()) await host.stdio.close(key);
  });
  const sh = (script: string, overrides: ConfigOverrides = {}) =>
    containerConfig(['sh', '-c', script], overrides);
  const numbers = (count: number): string =>
    Array.from({ length: count }, (_none, at) => `${at + 1}\n`).join('');
  const logFolder = (id: string): string => join(host.directory, 'logs', id);

  it('reach several clients without a gap, to the last byte', async () => {
    const task = await host.create('many', sh('seq 1 200000; echo last >&2'));
    const outputs = [await host.stdio.attach(task), await host.stdio.attach(task)].map(collect);
    await host.runtime.start(task);
    await host.runtime.wait(task);
    for (const output of await Promise.all(outputs)) {
      expect(output.replace('last\n', '')).toBe(numbers(200_000));
    }
  });
  it('give short output as a whole, however fast the end comes', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 10; round++) {
      const task = await host.create(`short${round}`, sh('echo a; echo b >&2; echo c; echo d >&2'));
      const output = collect(await host.stdio.attach(task));
      await host.runtime.start(task);
      expect((await output).split('\n').toSorted()).toEqual(['', 'a', 'b', 'c', 'd']);
      await host.runtime.wait(task);
      await host.runtime.delete(task);
    }
  });
  it('take input in any amount, and close after it', async () => {
    const task = await host.create(
      'input',
      containerConfig(['busybox', 'wc', '-c'], { process: { stdin: true } }),
    );
    const attachment = await host.stdio.attach(task);
    const output = collect(attachment);
    const sent = attachment.write(Buffer.alloc(3_000_000, 'x')).then(() => attachment.closeStdin());
    await host.runtime.start(task);
    await sent;
    expect((await output).trim()).toBe('3000000');
  });
  it('stay open when a client leaves, and take the next one', async () => {
    const config = sh('while read word; do echo "got $word"; done', { process: { stdin: true } });
    const task = await host.create('leave', config);
    await host.runtime.start(task);
    const say = async (attachment: Attachment, word: string): Promise<void> => {
      await attachment.write(Buffer.from(`${word}\n`));
      await expect.poll(() => host.output(task)).toContain(`got ${word}`);
    };
    const first = await host.stdio.attach(task);
    await say(first, 'one');
    await first.detach();
    const second = await host.stdio.attach(task);
    await say(second, 'two');
    await second.closeStdin();
    expect((await host.runtime.wait(task)).code).toBe(0);
  });
  it('of a terminal go on with another daemon', async () => {
    const config = sh('while read word; do echo "got $word"; done', {
      process: { stdin: true, terminal: true },
    });
    const task = await host.create('tty', config);
    const first = await host.stdio.attach(task);
    await host.runtime.start(task);
    await first.write(Buffer.from('one\n'));
    await expect.poll(() => host.output(task)).toContain('got one');
    await host.restart();
    await host.runtime.adopt(task);
    const second = await host.stdio.attach(task);
    await second.write(Buffer.from('two\n'));
    await expect.poll(() => host.output(task)).toContain('got two');
    await host.runtime.signal(task, 9);
    expect((await host.runtime.wait(task)).code).toBe(137);
  });
  it('let a client go that never reads, and log on', { timeout: 30_000 }, async () => {
    const task = await host.create('slow', sh('seq 1 200000'));
    const attachment = await host.stdio.attach(task);
    await host.runtime.start(task);
    expect((await host.runtime.wait(task)).code).toBe(0);
    await expect(collect(attachment)).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect((await host.output(task)).endsWith('200000\n')).toBe(true);
  });
  it('are rotated by size, and nothing between the kept files is lost', { timeout: 60_000 }, async () => {
    // About 50 bytes an entry: a file of 1 MiB holds some 20,000 of them.
    const script =
      'i=0; while [ $i -lt 60 ]; do seq $((i*2000+1)) $((i*2000+2000)); i=$((i+1)); sleep 0.03; done';
    const task = await host.create('rotated', sh(script));
    await host.runtime.start(task);
    await host.runtime.wait(task);
    const files = readdirSync(logFolder('rotated')).toSorted();
    expect(files).toEqual(['container.log', 'container.log.1', 'container.log.2']);
    for (const file of files) {
      expect(statSync(join(logFolder('rotated'), file)).size).toBeLessThanOrEqual(1 << 20);
    }
    const kept = (await host.output(task)).trimEnd().split('\n').map(Number);
    expect(kept.at(-1)).toBe(120_000);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_none, at) => 120_000 - kept.length + 1 + at));
  });
  it('of an extra process end with it, and go with its container', async () => {
    const task = await host.create('exec', containerConfig(['sleep', '60']));
    await host.runtime.start(task);
    const key = { ...task, execId: ExecId.parse('e1') };
    const stdio = await host.stdio.open(key, { terminal: false, stdin: true });
    const attachment = await host.stdio.attach(key);
    let output = '';
    const over = (async () => {
      for await (const { bytes } of attachment.output) output += Buffer.from(bytes).toString();
    })();
    await host.runtime.exec(task, key.execId, containerConfig(['cat']).process, {}, stdio);
    await host.runtime.startExec(task, key.execId);
    await attachment.write(Buffer.from('hello'));
    await expect.poll(() => output).toBe('hello');
    await host.runtime.signal(task, 9);
    await host.runtime.wait(task);
    await over;
    await host.runtime.delete(task);
    expect(await host.stdio.list()).toEqual([]);
    expect(readdirSync(dirname(join(host.directory, 'run/conmon/default/x')))).toEqual([]);
    await expect(host.stdio.attach(key)).rejects.toMatchObject({ code: 'not-found' });
  });
  it('end for those attached when their conmon is killed', async () => {
    const task = await host.create('killed', sh('sleep 60'));
    const output = collect(await host.stdio.attach(task));
    await host.runtime.start(task);
    const keeper = JSON.parse(
      readFileSync(join(host.directory, 'run/conmon/default/killed/keeper.json'), 'utf8'),
    );
    process.kill(keeper.pid, 'SIGKILL');
    await expect(output).rejects.toMatchObject({ code: 'unavailable' });
    await expect(host.runtime.wait(taskKey('killed'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(host.runtime.resize(task, { width: 80, height: 24 })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});
