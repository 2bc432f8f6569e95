import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import { busyboxTar } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, type Finished, startHost } from '../support/daemon.ts';
import { type FaultyRegistry, startFaultyRegistry } from '../support/faulty-registry.ts';
import { type Layout, type LayoutLayer, writeLayout } from '../support/oci-layout.ts';

/**
 * Who removed the image while it was being pulled? A job for cleaning up takes an image away while its next version comes
 * in slowly; once that is there everything looks well again. The time machine finds the moment, the actor and the reason.
 * With SHIPLOG_RECORDING=FILE the session is written there (`npm run docs:recording`).
 */

const missing = daemonMissing();

/** Lets a registry serve what a layout holds. */
const serveLayout = (registry: FaultyRegistry, directory: string, layout: Layout): void => {
  const blobs = join(directory, 'blobs', 'sha256');
  for (const hex of readdirSync(blobs)) {
    registry.blobs.set(`sha256:${hex}`, readFileSync(join(blobs, hex)));
  }
  const bytes = registry.blobs.get(layout.manifestDigest);
  if (bytes === undefined) throw new Error('the layout has no manifest');
  const entry = { bytes, mediaType: 'application/vnd.oci.image.manifest.v1+json' };
  registry.manifests.set('shop:latest', entry);
  registry.manifests.set(`shop@${layout.manifestDigest}`, entry);
};

describe.skipIf(missing !== undefined)(
  `the time machine finds a fault${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let host: DaemonHost;
    let registry: FaultyRegistry;
    let image: string;
    let start = '';
    let removal = '';
    const transcript: string[] = [];

    /** Runs the command line as a person would, and writes down what both said. */
    const type = async (args: readonly string[], input?: string): Promise<Finished> => {
      const ended = await host.shiplog(args, input === undefined ? {} : { input });
      const words = args.map((arg) =>
        /^[\w./:@=-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`,
      );
      const fed =
        input === undefined ? '' : `printf '${input.replaceAll('\n', '\\n').replaceAll("'", "'\\''")}' | `;
      transcript.push(
        '```console',
        `$ ${fed}shiplog ${words.join(' ')}`,
        `${ended.err}${ended.out}`.trimEnd(),
      );
      if (ended.code !== 0) transcript.push(`(exit code ${ended.code})`);
      transcript.push('```', '');
      return ended;
    };
    const tell = (text: string) => transcript.push(text, '');
    const head = async () => JSON.parse(await host.ok('info', '--format', 'json')).Events as number;

    beforeAll(async () => {
      host = await startHost('time-machine');
      registry = await startFaultyRegistry();
      image = `${registry.host}/shop:latest`;
      const base: LayoutLayer = { tar: busyboxTar(host.directory) };
      const layoutOf = async (name: string, layers: readonly LayoutLayer[]) => {
        const directory = join(host.directory, name);
        const layout = await writeLayout(directory, layers, {
          config: { Cmd: ['sh'], Env: [`VERSION=${name}`] },
        });
        serveLayout(registry, directory, layout);
        return layout;
      };
      await layoutOf('v1', [base]);
      await host.ok('--reason', 'release 1', 'pull', '-q', image);
      start = String(await head());

      // The next version comes in slowly: its own layer is held back until the registry is told to let go.
      const next = await layoutOf('v2', [base, { tar: Buffer.alloc(64 * 1024) }]);
      const slow = next.layers.at(-1)?.digest ?? '';
      let asked = () => {};
      const arrived = new Promise<void>((resolve) => {
        asked = resolve;
      });
      let letGo = () => {};
      const released = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      registry.guard = (request, response) => {
        if (!request.url?.endsWith(slow)) return true;
        asked();
        const bytes = registry.blobs.get(slow) ?? Buffer.alloc(0);
        released.then(() => response.writeHead(200, { 'content-length': String(bytes.length) }).end(bytes));
        return false;
      };
      const pull = host.shiplog(['--reason', 'release 2', 'pull', '-q', image]);
      await arrived;

      const janitor = connect({
        ...{ address: `unix://${host.address}`, client: 'nightly-cleanup', reason: 'free some disk' },
      });
      await janitor.images.remove({ namespace: 'default', image, force: false });
      janitor.close();
      // Somebody wants to start it just then.
      tell('# Who removed the image while it was being pulled?');
      tell(
        'Recorded by `npm run docs:recording`, which runs `test/e2e/time-machine.test.ts` against a real daemon: times,\n' +
          'positions and ids are as they came. Release 2 of an image was being pulled over a slow line when somebody wanted\n' +
          'to start a container from the image that had been there:',
      );
      const refused = await type(['create', '--pull', 'never', '--name', 'till', image]);
      expect(refused.code).not.toBe(0);
      letGo();
      expect(await pull).toMatchObject({ code: 0 });
    }, 120_000);

    afterAll(async () => {
      const path = process.env.SHIPLOG_RECORDING;
      if (path !== undefined && path !== '') {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, `${transcript.join('\n').trimEnd()}\n`);
      }
      await host.close();
      await registry.close();
    }, 60_000);

    it('when all looks well again', async () => {
      tell('After the pull everything looks well:');
      expect((await type(['images'])).out).toContain('shop');
    });

    it('bisect finds the event after which it was missing during a pull', async () => {
      tell('The image was missing for a while only, so every position is asked (`--linear`), not halved.');
      const missingInPull = `transfers.size() > 0 && !("${image}" in images)`;
      const { code, out } = await type(['bisect', '--linear', missingInPull, '--from', start]);
      expect(code).toBe(0);
      expect(out).toMatch(/image-removed.*via nightly-cleanup .*why: free some disk/);
      removal = /turns true with event (\d+)/.exec(out)?.[1] ?? '';
      expect(removal).toMatch(/^\d+$/);
      tell('Halving does as well where the end is a moment at which it was still so, and asks fewer states.');
      const halved = await type([
        ...[
          'bisect',
          missingInPull,
          '--from',
          start,
          '--to',
          String(Number(removal) + 2),
          '--format',
          '{{.Event.Position}}',
        ],
      ]);
      expect(halved.out.trim()).toBe(removal);
    });

    it('diff tells what that event took away', async () => {
      const { out } = await type(['diff', removal, String(Number(removal) + 1)]);
      expect(out).toMatch(new RegExp(`^- image/default/${image}\\n.*${removal}.*nightly-cleanup`));
    });

    it('blame tells who had set what it took away, and who set what is there now', async () => {
      tell('What was removed was release 1, and what is there now is release 2:');
      const before = await type(['blame', image, 'target.digest', '--at', removal]);
      expect(before.out).toMatch(/release 1/);
      const now = await type(['blame', image, 'target.digest']);
      expect(now.out).toMatch(/release 2/);
    });

    it('causes tells what it led to', async () => {
      tell('The removal took along what nothing else kept:');
      const { out } = await type(['causes', removal]);
      expect(out).toMatch(new RegExp(`${removal} request image/default/.*nightly-cleanup.*◀ asked`));
      expect(out).toMatch(/image-removed/);
    });

    it('replay goes through it step by step', async () => {
      tell('The same moment in the debugger, driven by lines:');
      const script = 'until image-removed\nevent\nsubject\nnext\nback 2\nquit\n';
      const { out, code } = await type(['replay', '--step', '--from', start, '--subject', image], script);
      expect(code).toBe(0);
      expect(out).toMatch(/> event\n\d+ {2}image-removed\n[\s\S]*why +free some disk/);
      expect(out).toMatch(/images 0/);
    });

    it('and nothing of it touched the host', async () => {
      const before = await head();
      await type(['replay', '--from', removal, '--to', String(Number(removal) + 3)]);
      expect(await head()).toBe(before);
      expect(await host.leaks()).toEqual([]);
    });
  },
);
