import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonHost } from '../support/daemon.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';

const missing = registryHostMissing();

/** Asks for twice as much memory at every turn. */
const greedy = 'x=a; while :; do x=$x$x; done';

describe.skipIf(missing !== undefined)(
  `a container that runs out of memory${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let image: string;

    beforeAll(async () => {
      setting = await startRegistryHost('oom');
      ({ host, image } = setting);
    }, 60_000);
    afterAll(() => setting.close(), 60_000);

    /** Runs a container to its end. @returns its exit code, and what the log says of its memory and its end, in order */
    const ending = async (name: string, memory: string, script: string) => {
      const { code } = await host.shiplog(['run', '--name', name, '-m', memory, image, 'sh', '-c', script]);
      const id = await host.ok('inspect', '--format', '{{.Id}}', name);
      const events = (await host.events()).filter(({ subject }) => subject.includes(id));
      const types = events.map(({ type }) => type).filter((type) => /^task-(oom|exited)$/.test(type));
      return { code, types };
    };

    it('is recorded as killed before its exit is, when its main process was the one', async () => {
      for (let turn = 0; turn < 5; turn++) {
        const { code, types } = await ending(`main-${turn}`, '8m', greedy);
        expect({ code, types }).toEqual({ code: 137, types: ['task-oom', 'task-exited'] });
      }
      expect(await host.ok('inspect', '--format', '{{.State.OOMKilled}}', 'main-0')).toBe('true');
    }, 60_000);
    it('is not taken for one that somebody killed', async () => {
      const { code, types } = await ending('killed', '8m', 'kill -9 $$; sleep 60 & kill -9 $!; exit 137');
      expect({ code, types }).toEqual({ code: 137, types: ['task-exited'] });
    });
  },
);
