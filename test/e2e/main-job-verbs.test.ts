import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonHost } from '../support/daemon.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';

const missing = registryHostMissing();

/** Prints a number every tenth of a second. */
const counting = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done';

describe.skipIf(missing !== undefined)(
  `verbs on containers, with the built programs${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let image: string;

    beforeAll(async () => {
      setting = await startRegistryHost('verbs');
      ({ host, image } = setting);
    }, 60_000);
    afterEach(async () => {
      const ids = (await host.ok('ps', '-aq')).split('\n').filter((id) => id !== '');
      if (ids.length > 0) await host.ok('rm', '-f', ...ids);
    });
    afterAll(() => setting.close(), 60_000);

    const start = (name: string, script: string, ...flags: string[]) =>
      host.ok('run', '-d', '--name', name, ...flags, image, 'sh', '-c', script);
    /** Waits until something is so. */
    const until = async (condition: () => Promise<boolean>) => {
      const deadline = performance.now() + 10_000;
      while (!(await condition())) {
        if (performance.now() > deadline) throw new Error('it did not become so within 10 s');
        await sleep(50);
      }
    };

    describe('logs', () => {
      it('show what was written, on both streams', async () => {
        await start('talker', 'echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three');
        await host.ok('wait', 'talker');
        expect(await host.shiplog(['logs', 'talker'])).toEqual({
          code: 0,
          out: 'one\nthree\n',
          err: 'two\n',
        });
        expect((await host.shiplog(['logs', '--tail', '1', 'talker'])).out).toBe('three\n');
        expect((await host.shiplog(['logs', '-t', 'talker'])).out).toMatch(/^\d{4}-\d\d-\d\dT\S+ one\n/);
      });

      it('follow until the end', async () => {
        await start('talker', 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done');
        expect(await host.shiplog(['logs', '-f', 'talker'])).toEqual({
          code: 0,
          out: '1\n2\n3\n4\n5\n',
          err: '',
        });
      });

      it('begin where --since says', async () => {
        await start('talker', 'echo early; sleep 1.2; echo late');
        await host.ok('wait', 'talker');
        const ended = Number(
          await host.ok('inspect', '-f', '{{.State.FinishedAt}}', 'talker').then((text) => Date.parse(text)),
        );
        const since = ((ended - 600) / 1000).toFixed(3);
        expect((await host.shiplog(['logs', '--since', since, 'talker'])).out).toBe('late\n');
      });
    });

    describe('exec', () => {
      it('runs beside the main process, with exit code and streams', async () => {
        await start('box', 'sleep 100');
        expect(await host.shiplog(['exec', 'box', 'sh', '-c', 'echo o; echo e >&2; exit 9'])).toEqual({
          code: 9,
          out: 'o\n',
          err: 'e\n',
        });
        expect(await host.shiplog(['exec', '-i', 'box', 'cat'], { input: 'piped\n' })).toEqual({
          code: 0,
          out: 'piped\n',
          err: '',
        });
        expect(
          (
            await host.shiplog([
              'exec',
              '-u',
              'app',
              '-w',
              '/tmp',
              '-e',
              'X=1',
              'box',
              'sh',
              '-c',
              'echo $X $(id -u) $(pwd)',
            ])
          ).out,
        ).toBe('1 1000 /tmp\n');
        expect(await host.shiplog(['exec', 'box', 'nosuch'])).toMatchObject({
          code: 127,
          err: expect.stringMatching(/nosuch/),
        });
        expect(await host.shiplog(['exec', 'box', '/etc/motd'])).toMatchObject({ code: 126 });
        const { out } = await host.onTerminal(
          `stty rows 30 cols 90; shiplog exec -it box sh -c 'stty size; tty; exit 4'; echo code=$?`,
          { input: '' },
        );
        expect(out).toMatch(/30 90/);
        expect(out).toMatch(/\/dev\/pts\/0/);
        expect(out).toMatch(/code=4/);
      });

      it('may be detached, and many may run at once', async () => {
        await start('box', 'sleep 100');
        await host.ok('exec', '-d', 'box', 'sh', '-c', 'echo done >/tmp/mark');
        await until(async () => (await host.shiplog(['exec', 'box', 'cat', '/tmp/mark'])).out === 'done\n');
        const all = await Promise.all(
          [0, 1, 2, 3, 4, 5].map((code) => host.shiplog(['exec', 'box', 'sh', '-c', `exit ${code}`])),
        );
        expect(all.map(({ code }) => code)).toEqual([0, 1, 2, 3, 4, 5]);
      });

      it('needs a container that runs', async () => {
        await host.ok('create', '--name', 'idle', image, 'true');
        expect(await host.shiplog(['exec', 'idle', 'true'])).toMatchObject({
          code: 125,
          err: expect.stringMatching(/not running/),
        });
      });
    });

    it('attach shows output from now on, and the exit code', async () => {
      await start('counter', `trap 'exit 5' TERM; ${counting}`);
      const child = host.spawn(['attach', '--no-stdin', 'counter']);
      let text = '';
      child.stdout?.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      await until(async () => text.split('\n').length > 4);
      await host.ok('stop', 'counter');
      expect(await ended).toBe(5);
    });

    describe('stop', () => {
      it('asks first, and kills what does not listen', async () => {
        await start('polite', 'trap "exit 3" TERM; while :; do sleep 0.05; done');
        await host.ok('stop', 'polite');
        expect(await host.ok('wait', 'polite')).toBe('3');
        await start('deaf', 'trap "" TERM; while :; do sleep 0.1; done');
        const began = performance.now();
        await host.ok('stop', '-t', '1', 'deaf');
        expect(performance.now() - began).toBeGreaterThan(900);
        expect(await host.ok('wait', 'deaf')).toBe('137');
      });

      it('takes a signal of its own, and nothing happens the second time', async () => {
        await start('box', 'trap "exit 6" USR1; while :; do sleep 0.05; done', '--stop-signal', 'USR1');
        await host.ok('stop', 'box');
        await host.ok('stop', 'box');
        expect(await host.ok('wait', 'box')).toBe('6');
      });

      it('leaves a container that can be started again at once, many times', async () => {
        await start('box', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done');
        /** It listens to TERM by now: a first process that has no handler yet never gets the signal. */
        const isUp = (times: number) =>
          until(async () => (await host.shiplog(['logs', 'box'])).out === 'up\n'.repeat(times));
        for (let round = 0; round < 5; round += 1) {
          await isUp(round + 1);
          await host.ok('stop', 'box');
          await host.ok('start', 'box');
        }
        await isUp(6);
      });

      it('and removal at once, and of a container that goes by itself', async () => {
        await start('box', 'sleep 100');
        await host.ok('stop', '-t', '0', 'box');
        await host.ok('rm', 'box');
        await start('fleeting', 'trap "exit 0" TERM; while :; do sleep 0.05; done', '--rm');
        await host.ok('stop', 'fleeting');
        await until(async () => (await host.ok('ps', '-aq')) === '');
        await start('fleeting', 'sleep 100', '--rm');
        await host.ok('rm', '-f', 'fleeting');
        expect(await host.ok('ps', '-aq')).toBe('');
      });
    });

    it('kill sends any signal', async () => {
      await start('box', 'trap "echo got" HUP; trap "exit 1" TERM; while :; do sleep 0.05; done');
      await until(async () => {
        await host.ok('kill', '-s', 'HUP', 'box');
        return (await host.shiplog(['logs', 'box'])).out.includes('got\n');
      });
      await host.ok('kill', 'box');
      expect(await host.ok('wait', 'box')).toBe('137');
      expect(await host.shiplog(['kill', 'box'])).toMatchObject({
        code: 1,
        err: expect.stringMatching(/not running/),
      });
    });

    it('pause stops the clock of a container, unpause starts it again', async () => {
      await start('counter', counting);
      await until(async () => (await host.shiplog(['logs', 'counter'])).out.length > 0);
      await host.ok('pause', 'counter');
      expect(await host.ok('ps', '--format', '{{.Status}}')).toMatch(/Paused/);
      const before = (await host.shiplog(['logs', 'counter'])).out;
      await sleep(400);
      expect((await host.shiplog(['logs', 'counter'])).out).toBe(before);
      expect(await host.shiplog(['exec', 'counter', 'true'])).toMatchObject({
        code: 125,
        err: expect.stringMatching(/paused/),
      });
      await host.ok('unpause', 'counter');
      await until(async () => (await host.shiplog(['logs', 'counter'])).out.length > before.length);
      await host.ok('pause', 'counter');
      await host.ok('stop', '-t', '1', 'counter');
    });

    it('wait answers when it ends, for several', async () => {
      await start('a', 'sleep 0.3; exit 11');
      await start('b', 'exit 12');
      expect(await host.ok('wait', 'a', 'b')).toBe('11\n12');
    });

    it('rm refuses what runs, unless forced', async () => {
      await start('box', 'sleep 100');
      expect(await host.shiplog(['rm', 'box'])).toMatchObject({
        code: 1,
        err: expect.stringMatching(/is running/),
      });
      await host.ok('rm', '-f', 'box');
      expect(await host.shiplog(['inspect', 'box'])).toMatchObject({ code: 1 });
    });

    it('top shows the processes', async () => {
      await start('box', 'sleep 98 & sleep 99; true');
      const table = await host.ok('top', 'box');
      expect(table).toMatch(/sleep 98/);
      expect(table).toMatch(/sleep 99/);
    });

    it('a file written in one run of a container is there in the next', async () => {
      await start('box', 'echo x >>/tmp/count; cat /tmp/count | tail -c 100');
      await host.ok('wait', 'box');
      expect((await host.shiplog(['start', '-a', 'box'])).out).toBe('x\nx\n');
    });

    describe('the log', () => {
      it('follows live, and starts where told', async () => {
        const child = host.spawn(['events', '-f', '--filter', 'container=told', '--format', '{{.Type}}']);
        const types: string[] = [];
        child.stdout?.on('data', (bytes: Buffer) => types.push(...bytes.toString().trim().split('\n')));
        await sleep(300);
        const since = new Date().toISOString();
        await host.ok('run', '--rm', '--name', 'told', image, 'true');
        await until(async () => types.includes('container-removed'));
        child.kill('SIGINT');
        const life = [
          'container-created',
          'task-create-requested',
          'task-start-requested',
          'task-created',
          'task-started',
          'task-exited',
          'container-removed',
        ];
        expect(types).toEqual(life);
        expect((await host.ok('events', '--since', since, '--format', '{{.Type}}')).split('\n')).toEqual(
          expect.arrayContaining(life),
        );
      });

      it('tells who did what, and why, also of what is gone', async () => {
        await host.ok('--reason', 'ticket 42', 'run', '--rm', '--name', 'storied', image, 'true');
        const history = await host.ok('history', 'storied');
        expect(history).toMatch(/ticket 42/);
        expect(history.split('\n').length).toBeGreaterThan(7);
        expect(await host.ok('why', 'storied')).toMatch(/removed/);
      });

      it('says what keeps a blob, and gc what it freed', async () => {
        const manifest = await host.ok('images', '--digests', '--format', '{{.Digest}}');
        expect(await host.ok('why', manifest)).toMatch(new RegExp(image));
        await host.ok('tag', image, 'spare:1');
        await host.ok('rmi', image, 'spare:1');
        await until(async () => /removed|freed|gc/.test(await host.ok('why', manifest)));
        await host.ok('gc');
        expect((await host.world()).content.blobs.size).toBe(0);
        await host.ok('pull', '-q', image);
      });
    });
  },
);
