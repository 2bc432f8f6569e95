import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShiplogError } from '../../src/client/shiplog-error.ts';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { seededRandom } from '../support/random.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { file, tarOf } from '../support/tar.ts';

const missing =
  daemonMissing() ??
  missingHere({ programs: ['docker-registry', 'skopeo', 'runc', 'containerd-shim-runc-v2'] });
const seed = Number(process.env.SHIPLOG_SEED ?? randomInt(2 ** 31));
const kills = Number(process.env.SHIPLOG_KILLS ?? 100);
const namespace = 'default';

/** What the daemon has said to be so: each must be in the log for ever. */
interface Promised {
  readonly type: string;
  /** Text that the event's data must hold. */
  readonly about: string;
}

/** A call that broke, or one that was begun when the client had been closed already. */
const isOfTheKill = (error: unknown): boolean =>
  error instanceof ShiplogError || (error instanceof Error && error.message === 'Channel has been shut down');

/** kill -9 at seeded random moments; `SHIPLOG_SEED` repeats a run, `SHIPLOG_KILLS` shortens it. */
describe.skipIf(missing !== undefined)(
  `a daemon that is killed, seed ${seed}${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let host: DaemonHost;
    let registry: RegistryServer;
    let images: readonly string[];
    let steady: { id: string; pid: number };
    const random = seededRandom(seed);
    const promised: Promised[] = [];

    beforeAll(async () => {
      process.stderr.write(`SHIPLOG_SEED=${seed}\n`);
      host = await startHost('kill');
      registry = await startRegistry(join(host.directory, 'registry'));
      const layers = ['a', 'b', 'c'].map((name) => ({ tar: tarOf([file(name, name.repeat(400_000))]) }));
      const names = await Promise.all(
        [0, 1, 3].map(async (count) => {
          const image = `${registry.host}/box${count}:latest`;
          const directory = join(host.directory, `image${count}`);
          const layout = await busyboxLayout(directory, { above: layers.slice(0, count) });
          await pushLayout(layout, image);
          return image;
        }),
      );
      images = names;
      await host.ok('pull', '-q', base());
      const id = await host.ok(
        ...[
          'run',
          '-d',
          '--name',
          'steady',
          base(),
          'sh',
          '-c',
          'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done',
        ],
      );
      steady = { id, pid: Number(await host.ok('inspect', '-f', '{{.State.Pid}}', id)) };
    }, 60_000);
    afterAll(async () => {
      await host.close();
      await registry.stop();
    }, 60_000);

    const base = () => images[0] ?? '';
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const promise = (type: string, about: string) => promised.push({ type, about });

    const workloads = (): Readonly<Record<string, () => Promise<void>>> => {
      const { containers, images: store } = host.client;
      const create = async (command: readonly string[]) => {
        const options = { image: base(), command: [...command], stopTimeout: 1 };
        const { id } = await containers.create({ namespace, options });
        promise('container-created', id);
        return id;
      };
      const running = async (command: readonly string[] = ['sleep', '100']) => {
        const id = await create(command);
        await containers.start({ namespace, container: id });
        promise('task-started', id);
        return id;
      };
      const remove = async (id: string) => {
        await containers.remove({ namespace, container: id, force: true });
        promise('container-removed', id);
      };
      return {
        pull: async () => {
          const image = pick(images.slice(1));
          for await (const _ of store.pull({ namespace, reference: image }));
          promise('image-created', image);
          await store.remove({ namespace, image });
          promise('image-removed', image);
        },
        run: async () => {
          const id = await running(['sh', '-c', 'echo hello; exit 3']);
          const { exitCode } = await containers.wait({ namespace, container: id });
          expect(exitCode).toBe(3);
          promise('task-exited', id);
          await remove(id);
        },
        exec: async () => {
          const id = await running();
          for (let count = 0; count < 3; count += 1) {
            const session = containers.session();
            const exec = { namespace, container: id, args: ['echo', 'x'] };
            await session.send({ request: { case: 'exec', value: exec } });
            for await (const { response } of session) {
              if (response.case === 'started') promise('exec-started', id);
              if (response.case === 'exited') break;
            }
          }
          await remove(id);
        },
        stop: async () => {
          const id = await running();
          await containers.kill({ namespace, container: id, signal: 'KILL' });
          promise('task-signalled', id);
          await containers.stop({ namespace, container: id, timeout: 0 });
          promise('task-exited', id);
          await remove(id);
        },
        pause: async () => {
          const id = await running();
          await containers.pause({ namespace, container: id });
          promise('task-paused', id);
          await containers.unpause({ namespace, container: id });
          promise('task-resumed', id);
          await remove(id);
        },
      };
    };

    /** Works until the daemon is gone; only that may stop it. */
    const work = async (name: string, stop: AbortSignal) => {
      const todo = workloads()[name];
      while (!stop.aborted && todo) {
        try {
          await todo();
        } catch (error) {
          if (stop.aborted && isOfTheKill(error)) return;
          throw error;
        }
      }
    };

    const settled = async () => {
      let verdict: { ok: boolean; message: string } | undefined;
      for await (const { result } of host.client.log.verify({})) verdict = result ?? verdict;
      expect(verdict).toMatchObject({ ok: true });
      expect(await host.leaks()).toEqual([]);
      const events = await host.events();
      const missing = promised.filter(
        ({ type, about }) => !events.some((event) => event.type === type && event.data.includes(about)),
      );
      expect(missing).toEqual([]);
      promised.length = 0;
    };

    it('loses nothing, leaks nothing, and leaves containers alone', async () => {
      for (let round = 0; round < kills; round += 1) {
        const first = pick(['pull', 'run', 'exec', 'stop', 'pause']);
        // Two pulls would take each other's image away.
        const second = pick(['run', 'exec', 'stop', 'pause', ...(first === 'pull' ? [] : ['pull'])]);
        const names = [first, second];
        const moment = Math.floor(random() * 350);
        const code = 1 + Math.floor(random() * 100);
        const where = `round ${round} of seed ${seed}: ${names.join(' and ')}, killed after ${moment} ms`;
        try {
          const options = {
            image: base(),
            command: ['sh', '-c', `sleep 0.${10 + Math.floor(random() * 80)}; exit ${code}`],
          };
          const { id: leaving } = await host.client.containers.create({ namespace, options });
          await host.client.containers.start({ namespace, container: leaving });
          const stop = new AbortController();
          const working = Promise.all(names.map((name) => work(name, stop.signal)));
          working.catch(() => undefined);
          await Promise.race([sleep(moment), working]);
          stop.abort();
          await host.end('SIGKILL');
          await working;
          const before = readFileSync(logOf(steady.id), 'utf8').length;
          await host.start();
          const { container } = await host.client.containers.inspect({ namespace, container: steady.id });
          expect(container).toMatchObject({ status: 'running', pid: steady.pid });
          const { exitCode } = await host.client.containers.wait({ namespace, container: leaving });
          expect(exitCode).toBe(code);
          for (const one of (await host.client.containers.list({ namespace, all: true })).containers) {
            if (one.id !== steady.id)
              await host.client.containers.remove({ namespace, container: one.id, force: true });
          }
          await settled();
          expect(readFileSync(logOf(steady.id), 'utf8').length).toBeGreaterThan(before);
        } catch (error) {
          throw new Error(where, { cause: error });
        }
      }
      const numbers = readFileSync(logOf(steady.id), 'utf8')
        .trim()
        .split('\n')
        .map((line) => Number(line.split(' ')[3]));
      expect(numbers).toEqual(numbers.map((_, at) => at));
    }, 480_000);

    const logOf = (id: string) => join(host.root, 'containers', namespace, id, 'container.log');
  },
);
