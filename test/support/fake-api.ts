import { Subject } from '../../src/domain/envelope.ts';
import {
  ContainerId,
  Digest,
  ImageName,
  LeaseId,
  Namespace,
  position,
  SnapshotId,
  SnapshotKey,
  SnapshotterName,
  Timestamp,
} from '../../src/domain/identity.ts';
import { imageNameOf } from '../../src/domain/image-reference.ts';
import { LeasedResource } from '../../src/domain/leases.ts';
import { PersistentMap } from '../../src/domain/persistent-map.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import type {
  Api,
  Call,
  ContainerDetails,
  ImageView,
  Session,
  ToldEvent,
} from '../../src/engine/ports/api.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import type { TreeHead } from '../../src/engine/ports/proofs.ts';
import type { Blob, Lease, Snapshot } from '../../src/engine/ports/resources-api.ts';
import type { OutputChunk } from '../../src/engine/ports/stdio.ts';
import { fakeKeepingApi } from './fake-keeping-api.ts';
import { fakeTimeApi } from './fake-time-api.ts';

/** The daemon's API without a daemon: it remembers what it was asked and answers from memory. */

export const someDigest = Digest.parse(`sha256:${'ab'.repeat(32)}`);
export const someNamespace = Namespace.parse('default');
export const someTime = Timestamp.parse(1_790_000_000_000_000);
export const someTarget = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: someDigest,
  size: 7,
};

export const someImage: ImageView = {
  name: 'docker.io/library/busybox:latest',
  target: someTarget,
  id: someDigest,
  createdAt: someTime,
  updatedAt: someTime,
  contentSize: 5_000_000_000,
  unpackedSize: 9_000_000_000,
  labels: { tier: 'front' },
  platform: { os: 'linux', architecture: 'amd64' },
};

export const someContainer: ContainerDetails = {
  container: {
    namespace: someNamespace,
    id: ContainerId.parse('c0ffee'),
    name: 'web',
    image: { name: ImageName.parse(someImage.name), digest: someDigest },
    args: ['sh', '-c', 'exit 3'],
    createdAt: someTime,
    status: 'exited',
    startedAt: someTime,
    exitedAt: someTime,
    exitCode: 3,
    oomKilled: true,
    error: '',
    labels: { a: 'b' },
    runtime: 'io.containerd.runc.v2',
  },
  config: '{"process":{}}',
  snapshotter: 'overlayfs',
  snapshotKey: 'c0ffee',
  logPath: '/var/lib/shiplog/c0ffee.log',
  execs: [{ id: 'exec-1', args: ['ls'], status: 'ended', exitCode: 0 }],
};

const made = { createdAt: someTime, updatedAt: someTime };
const someSnapshot: Snapshot = {
  ...{ namespace: someNamespace, snapshotter: SnapshotterName.parse('overlayfs'), ...made },
  ...{ key: SnapshotKey.parse('c0ffee'), id: SnapshotId.parse('s1'), kind: 'active', children: 0 },
  ...{ parent: SnapshotKey.parse(someDigest), labels: {} },
};
const someBlob: Blob = { namespace: someNamespace, digest: someDigest, size: 7, labels: { a: 'b' }, ...made };
const someLease: Lease = {
  ...{ namespace: someNamespace, id: LeaseId.parse('pull-1'), labels: {}, createdAt: someTime },
  resources: PersistentMap.empty<LeasedResource>().set(
    'x',
    LeasedResource.parse({ type: 'content', id: someDigest }),
  ),
};

export const someEvent = (at: bigint): ToldEvent => ({
  position: position(at),
  type: 'container-created',
  version: 1,
  subject: Subject.parse('container/default/c0ffee'),
  data: { id: 'c0ffee' },
  meta: {
    actor: { uid: 0, gid: 0, pid: 7, exe: '/usr/bin/shiplog', client: 'shiplog' },
    time: { wall: someTime, mono: 12, boot: 'b' },
    correlation: 'k',
    causation: '41',
    reason: 'because',
  },
  summary: `event ${at}`,
});

const someTreeHead: TreeHead = {
  ...{ size: position(9n), root: 'ab'.repeat(32), time: someTime },
  note: 'shiplog/h\n9\nq6s=\n\n',
};

export interface Asked {
  readonly method: string;
  readonly input: unknown;
  readonly call: Call | undefined;
}

/** A process of a session: echoes its input as it comes, and exits with 7 at the end of it, or by a signal. */
export interface FakeProcess {
  readonly session: Session;
  readonly input: string[];
  readonly signals: string[];
  readonly sizes: string[];
  detached: boolean;
  /** Fires where the opening was told to stop. */
  readonly call: Call;
}

const fakeProcess = (detach: boolean, call: Call, echo: boolean): FakeProcess => {
  const waiting: OutputChunk[] = [];
  let wake = (): void => undefined;
  let over = false;
  let exit = (_: { exitCode: number }): void => undefined;
  const ended = new Promise<{ exitCode: number } | undefined>((resolve) => {
    exit = resolve;
    if (detach) resolve(undefined);
  });
  const finish = (exitCode?: number): void => {
    over = true;
    if (exitCode !== undefined) exit({ exitCode });
    wake();
  };
  const say = (stream: OutputChunk['stream'], text: string): void => {
    waiting.push({ stream, bytes: Buffer.from(text) });
    wake();
  };
  const output = async function* (): AsyncGenerator<OutputChunk> {
    while (!over || waiting.length > 0) {
      const next = waiting.shift();
      if (next) yield next;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  };
  const process: FakeProcess = {
    input: [],
    signals: [],
    sizes: [],
    detached: false,
    call,
    session: {
      container: { id: 'c0ffee', name: 'web' },
      started: Promise.resolve({ pid: 4711 }),
      output: detach ? (async function* () {})() : output(),
      ended,
      write: async (bytes) => {
        const text = Buffer.from(bytes).toString();
        process.input.push(text);
        if (echo) say(text.startsWith('!') ? 'stderr' : 'stdout', text);
      },
      closeStdin: async () => finish(7),
      resize: async ({ width, height }) => {
        process.sizes.push(`${width}x${height}`);
      },
      signal: async (signal) => {
        process.signals.push(signal);
        finish(137);
      },
      detach: async () => {
        process.detached = true;
        finish();
      },
    },
  };
  return process;
};

export interface FakeApi {
  readonly api: Api;
  readonly asked: Asked[];
  readonly processes: FakeProcess[];
  /** The last call of a method. */
  last(method: string): Asked;
}

type Parts = { readonly [K in keyof Api]?: Partial<Api[K]> };

/** @param parts methods that answer otherwise */
export const fakeApi = (parts: Parts = {}): FakeApi => {
  const asked: Asked[] = [];
  const processes: FakeProcess[] = [];
  const note = (method: string, input: unknown, call?: Call): void => {
    asked.push({ method, input, call });
  };
  const begin = (method: string, input: { detach?: boolean }, call: Call): Session => {
    note(method, input, call);
    const process = fakeProcess(input.detach ?? false, call, true);
    processes.push(process);
    return process.session;
  };
  const api: Api = {
    images: {
      pull: async (input, call) => {
        note('images.pull', input, call);
        call.report?.({ kind: 'resolved', name: imageNameOf(input.reference), target: someTarget });
        for (const offset of [0, 3, 7]) {
          call.report?.({
            ...{
              kind: 'item',
              digest: someDigest,
              mediaType: '',
              as: 'layer',
              status: 'downloading',
              offset,
              total: 7,
            },
          });
        }
        return { name: imageNameOf(input.reference), target: someTarget, upToDate: true };
      },
      push: async (input, call) => {
        note('images.push', input, call);
        return { name: input.image, target: someTarget };
      },
      import: async (input, call) => {
        note('images.import', { ...input, archive: undefined }, call);
        let bytes = 0;
        for await (const chunk of input.archive) bytes += chunk.length;
        return [`archive of ${bytes} bytes`];
      },
      export: async function* (input, call) {
        note('images.export', input, call);
        yield Buffer.alloc(600 * 1024, 1);
        yield Buffer.from('end');
      },
      list: async (namespace, options) => {
        note('images.list', [namespace, options]);
        return [someImage];
      },
      inspect: async (namespace, image, at) => {
        note('images.inspect', [namespace, image, at]);
        return { image: someImage, config: '{}', manifest: '{"a":1}', layers: [someDigest] };
      },
      tag: async (input, call) => note('images.tag', input, call),
      remove: async (input, call) => {
        note('images.remove', input, call);
        return { untagged: [input.image], deleted: [someDigest] };
      },
      ...parts.images,
    },
    containers: {
      create: async (input, call) => {
        note('containers.create', input, call);
        return { id: 'c0ffee', name: input.name ?? 'made_up' };
      },
      start: async (input, call) => {
        note('containers.start', input, call);
        return { pid: 4711 };
      },
      stop: async (input, call) => {
        note('containers.stop', input, call);
        return { exitCode: 143 };
      },
      kill: async (input, call) => note('containers.kill', input, call),
      pause: async (input, call) => note('containers.pause', input, call),
      unpause: async (input, call) => note('containers.unpause', input, call),
      wait: async (input, call) => {
        note('containers.wait', input, call);
        return { exitCode: 3, exitedAt: someTime };
      },
      remove: async (input, call) => note('containers.remove', input, call),
      list: async (namespace, options) => {
        note('containers.list', { namespace, ...options });
        return [someContainer.container];
      },
      inspect: async (input) => {
        note('containers.inspect', input);
        if (['c0ffee', 'c0f', 'web'].includes(input.container)) return someContainer;
        throw new Rejection('not-found', `container '${input.container}' does not exist`);
      },
      top: async (input) => {
        note('containers.top', input);
        return [{ pid: 2, ppid: 1, uid: 33, cpu: 1500, rss: 4096, startedAt: someTime, args: ['sh'] }];
      },
      logs: async function* (target, options) {
        note('containers.logs', { ...target, ...options, signal: undefined });
        yield { time: someTime, stream: 'stdout', bytes: Buffer.from('one\n') };
        yield { time: someTime, stream: 'stderr', bytes: Buffer.from('two\n') };
      },
      run: async (input, call) => begin('containers.run', input, call),
      startAttached: async (input, call) =>
        begin('containers.startAttached', { ...input, detach: false }, call),
      attach: async (input, call) => begin('containers.attach', { ...input, detach: false }, call),
      exec: async (input, call) => begin('containers.exec', input, call),
      ...parts.containers,
    },
    log: {
      events: async function* (query) {
        note('log.events', query);
        yield someEvent(query.from ?? 0n);
        yield someEvent(9_007_199_254_740_993n);
      },
      history: async function* (query) {
        note('log.history', query);
        yield someEvent(3n);
      },
      horizon: async (query) => {
        note('log.horizon', query);
        return { position: position(100n), archives: ['/backup'], reachesBelow: true };
      },
      why: async (query) => {
        note('log.why', query);
        const path = [{ from: 'image/default/x', to: query.thing, kind: 'target', since: position(5n) }];
        return { subject: query.thing, kept: true, path, freed: [someEvent(6n)] };
      },
      verify: async (given, progress) => {
        note('log.verify', given);
        for (const checked of [10, 20]) progress(checked, 30);
        return { ok: true, message: '30 events are sound', headHash: 'beef', checked: 30 };
      },
      ...parts.log,
    },
    system: {
      version: async () => {
        note('system.version', undefined);
        return { version: '1', revision: 'r', node: 'v20', os: 'linux', architecture: 'x64', kernel: '6' };
      },
      info: async (namespace) => {
        note('system.info', namespace);
        return {
          ...{ hostId: 'h', root: '/r', state: '/s', pid: 1, startedAt: someTime, logHead: position(77n) },
          ...{
            logBytes: 5_000_000_000,
            ...{ logHorizon: position(100n), logArchives: ['/backup'] },
            containers: 3,
            containersRunning: 2,
            images: 1,
            snapshots: 4,
            blobs: 5,
          },
          ...{
            contentBytes: 6,
            divergences: 0,
            runtime: 'runc',
            runtimeVersion: '1.1',
            snapshotter: 'overlayfs',
          },
          ...{ cgroup: 'v1', namespaces: ['default'], rss: 80_000_000 },
        };
      },
      refused: async (refusal, call) => {
        note('system.refused', refusal, call);
      },
      gc: async (call) => {
        note('system.gc', undefined, call);
        return { removed: [someDigest], freedBytes: 12 };
      },
      counts: async (query) => {
        note('system.counts', query);
        return {
          ...{ hostId: 'h', logHead: position(4n), containers: 2, containersRunning: 1, images: 1 },
          ...{ snapshots: 3, blobs: 4, contentBytes: 5, divergences: 0, namespaces: ['default'] },
        };
      },
      garbage: async (at) => {
        note('system.garbage', at);
        return { removed: ['blob/default/x'], freedBytes: 7 };
      },
      ...parts.system,
    },
    proofs: {
      head: async (options) => {
        note('proofs.head', options);
        return someTreeHead;
      },
      heads: async function* (since) {
        note('proofs.heads', since);
        yield someTreeHead;
      },
      proveEvent: async (...input) => {
        note('proofs.proveEvent', input);
        return { text: '{}\n', head: someTreeHead };
      },
      proveConsistency: async (...input) => {
        note('proofs.proveConsistency', input);
        return { text: '{}\n', head: someTreeHead };
      },
      tiles: async function* () {
        note('proofs.tiles', undefined);
        yield { path: 'checkpoint', bytes: Buffer.from(someTreeHead.note) };
      },
      slice: async function* (query, call) {
        note('proofs.slice', query, call);
        yield {
          kind: 'begin',
          ...{ program: '0', hostId: 'h', from: position(3n), to: position(4n), keys: [], schema: 's' },
          ...{ heads: [someTreeHead], proof: { left: [], right: [] }, state: 'empty', redact: query.redact },
        };
        yield {
          kind: 'events',
          events: [{ entry: Buffer.from('entry'), payload: Buffer.from('payload'), standIn: false }],
        };
      },
      keys: () => ({ keys: [{ vkey: 'shiplog/h+00000000+AA==', since: '1' }], stopped: 'key-missing' }),
      rotateKey: async (call) => {
        note('proofs.rotateKey', undefined, call);
        return { keys: [{ vkey: 'shiplog/h+00000001+AA==', since: '2' }] };
      },
      replaceKey: async (call) => {
        note('proofs.replaceKey', undefined, call);
        return { keys: [{ vkey: 'shiplog/h/2+00000001+AA==', since: '2' }] };
      },
      ...parts.proofs,
    },
    resources: {
      moment: async (at) => {
        note('resources.moment', at);
        return 'position' in at
          ? { position: at.position, time: someTime }
          : { position: position(9n), ...at };
      },
      snapshots: async (query) => {
        note('resources.snapshots', query);
        return [someSnapshot];
      },
      content: async (query) => {
        note('resources.content', query);
        return [someBlob];
      },
      leases: async (query) => {
        note('resources.leases', query);
        return [someLease];
      },
      namespaces: async (query) => {
        note('resources.namespaces', query);
        const counts = { containers: 1, images: 2, snapshots: 3, blobs: 4, leases: 5 };
        return [{ namespace: someNamespace, labels: { team: 'a' }, ...counts }];
      },
      ...parts.resources,
    },
    time: fakeTimeApi(note, someEvent, parts.time),
    keeping: fakeKeepingApi(note, parts.keeping),
  };
  const last = (method: string): Asked => {
    const found = asked.findLast((one) => one.method === method);
    if (!found) throw new Error(`${method} was not asked; asked were ${asked.map((one) => one.method)}`);
    return found;
  };
  return { api, asked, processes, last };
};

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger whose lines are kept. */
export const keptLogger = (): { readonly logger: Logger; readonly lines: LoggedLine[] } => {
  const lines: LoggedLine[] = [];
  const at =
    (level: LoggedLine['level'], own: Readonly<Record<string, unknown>>) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      lines.push({ level, message, fields: { ...own, ...fields } });
    };
  const make = (own: Readonly<Record<string, unknown>>): Logger => ({
    debug: at('debug', own),
    info: at('info', own),
    warn: at('warn', own),
    error: at('error', own),
    child: (more) => make({ ...own, ...more }),
  });
  return { logger: make({}), lines };
};
