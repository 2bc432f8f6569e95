import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const missing = missingHere({ root: true, programs: ['docker-registry', 'skopeo'] }) ?? daemonMissing();

describe.skipIf(missing !== undefined)(
  `the command line against a daemon${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let host: DaemonHost;
    let registry: RegistryServer;
    let image: string;
    const ids: Record<string, string> = {};

    beforeAll(async () => {
      host = await startHost('cli');
      registry = await startRegistry(`${host.directory}/registry`);
      image = `${registry.host}/busybox:latest`;
      await pushLayout(await busyboxLayout(host.directory), image);
      await host.ok('pull', '-q', image);
      ids.web = await host.ok('run', '-d', '--name', 'web', '-l', 'tier=front', image, 'sleep', '100');
      ids.job = await host.ok('run', '-d', '--name', 'job', '-l', 'tier=back', image, 'sh', '-c', 'exit 3');
      await host.ok('wait', 'job');
      ids.idle = await host.ok('create', '--name', 'idle', image, 'true');
    }, 60_000);
    afterAll(async () => {
      await host.close();
      await registry.stop();
    }, 60_000);

    const names = async (...args: string[]) =>
      (await host.ok('ps', '--format', '{{.Names}}', ...args)).split('\n').filter((name) => name !== '');

    it('lists what runs, or all, newest first, by filters', async () => {
      expect(await names()).toEqual(['web']);
      expect(await names('-a')).toEqual(['idle', 'job', 'web']);
      expect(await names('--filter', 'status=exited')).toEqual(['job']);
      expect(await names('-a', '--filter', 'label=tier')).toEqual(['job', 'web']);
      expect(await names('-a', '--filter', 'label=tier=back')).toEqual(['job']);
      expect(await names('-a', '--filter', 'name=id')).toEqual(['idle']);
      const { code, err } = await host.shiplog(['ps', '--filter', 'colour=red']);
      expect(code).toBe(1);
      expect(err).toMatch(/colour/);
    });

    it('prints tables that line up, a JSON object a line, templates and bare ids', async () => {
      const [head = '', ...rows] = (await host.ok('ps', '-a')).split('\n');
      expect(head).toMatch(/^CONTAINER ID {3}IMAGE +COMMAND +CREATED +STATUS +NAMES$/);
      const column = head.indexOf('NAMES');
      expect(rows.map((row) => row.slice(column))).toEqual(['idle', 'job', 'web']);
      expect(rows[1]).toContain('Exited (3)');
      const [first] = (await host.ok('ps', '-a', '--format', 'json')).split('\n');
      expect(JSON.parse(first ?? '')).toMatchObject({ Names: 'idle', Image: image });
      expect((await host.ok('ps', '-aq', '--no-trunc')).split('\n')).toEqual([ids.idle, ids.job, ids.web]);
    });

    it('takes a unique start of an id, and names the candidates of one that is not', async () => {
      expect(JSON.parse(await host.ok('inspect', (ids.web ?? '').slice(0, 12)))[0]).toMatchObject({
        Id: ids.web,
      });
      const { code, err } = await host.shiplog(['inspect', 'nosuchthing']);
      expect(code).toBe(1);
      expect(err).toMatch(/nosuchthing.*shiplog ps -a/);
    });

    it('answers version and info as text and as JSON', async () => {
      expect(await host.ok('version')).toMatch(/Client:\n Version: +\S+[\s\S]*Server:\n Version: +\S+/);
      const info = JSON.parse(await host.ok('info', '--format', 'json'));
      expect(JSON.stringify(info)).toContain(host.root);
      expect(await host.ok('info')).toMatch(/Containers: 3, 1 running/);
    });

    it('completes verbs, flags and the names of containers', async () => {
      const complete = async (...words: string[]) =>
        (await host.ok('__complete', ...words)).split('\n').map((line) => line.split('\t')[0]);
      expect(await complete('hist')).toContain('history');
      expect(await complete('stop', 'we')).toContain('web');
      for (const shell of ['bash', 'zsh', 'fish']) {
        expect(await host.ok('completion', shell)).toContain('__complete');
      }
    });

    it('keeps the reason of a request in the log, and finds events by it', async () => {
      await host.ok('--reason', 'ticket 42', 'kill', 'web');
      await host.ok('wait', 'web');
      expect(await host.ok('history', 'web')).toMatch(/signal 9 .*ticket 42/);
      const last = await host.ok('events', '--filter', 'container=web', '--filter', 'type=task-exited');
      expect(last).toMatch(/exited with 137/);
    });
  },
);
