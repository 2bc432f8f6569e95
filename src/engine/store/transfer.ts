import type { ImageName, Labels, Namespace } from '../../domain/identity.ts';
import { findImage, type Image } from '../../domain/images.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Command, World } from '../../domain/world.ts';
import { exportArchive } from '../../workflows/export.ts';
import { importInto } from '../../workflows/import-into.ts';
import { pullInto } from '../../workflows/pull-into.ts';
import { push } from '../../workflows/push.ts';
import { dispatch, type Workflow } from '../../workflows/steps.ts';
import { HandOver } from '../api/hand-over.ts';
import type { OpenArchive } from '../ports/archive.ts';
import type { Call } from '../ports/call.ts';
import type { ImageChoice, TransferService, UnpackTarget } from '../ports/store/transfer.ts';
import type { RunOptions } from '../workflow-runner.ts';
import type { StoreParts } from './parts.ts';
import { type UnpackParts, unpackInto } from './unpack-into.ts';

export const transferService = (
  parts: StoreParts & Pick<UnpackParts, 'diff' | 'snapshots'>,
): TransferService => {
  const { ledger, runner, ports } = parts;
  /** The answer waits until all that it rests on is durable. */
  const run = async <T>(workflow: Workflow<T>, call: Call, more: Partial<RunOptions> = {}): Promise<T> => {
    const { cause, signal, report } = call;
    const result = await runner.run(workflow, {
      cause,
      ...(signal === undefined ? {} : { signal }),
      ...(report === undefined ? {} : { report }),
      ...more,
    });
    await ledger.settled();
    return result;
  };
  const find = (namespace: Namespace, name: ImageName): Image =>
    imageNamed(ledger.durable.world, namespace, name);

  const unpackAll = async (
    namespace: Namespace,
    names: readonly ImageName[],
    targets: readonly UnpackTarget[],
    call: Call,
  ): Promise<void> => {
    const images = new Map(names.map((name) => find(namespace, name).target).map((one) => [one.digest, one]));
    for (const target of images.values()) {
      for (const each of targets) await unpackInto(parts, { namespace, target, ...each }, call);
    }
  };
  /** Before anything is moved. */
  const checkThere = (targets: readonly UnpackTarget[]): void => {
    for (const { snapshotter } of targets) parts.snapshots.snapshotter(snapshotter);
  };

  return {
    pull: async (namespace, { reference, access }, to, call) => {
      const { names, labels, platforms, unpack, unpackElsewhere } = to;
      checkThere(unpackElsewhere);
      if (names.length === 0) throw new Rejection('not-found', 'no image name found: not found');
      const request = { namespace, reference, names, labels, platforms, unpack };
      await run(pullInto(request), call, { registry: access });
      await unpackAll(namespace, names, unpackElsewhere, call);
      return names;
    },
    push: async (namespace, name, { reference, access }, call) => {
      const image = find(namespace, name);
      await run(push({ namespace, image, reference }), call, { registry: access });
    },
    import: async (namespace, bytes, to, call) => {
      checkThere(to.unpackElsewhere);
      const names = await withArchive(ports.archives.open(bytes), call, (archive) =>
        run(importInto({ namespace, ...to }), call, { archive }),
      );
      await unpackAll(namespace, names, to.unpackElsewhere, call);
      return names;
    },
    export: (namespace, from, how, call) => {
      const images = imagesMeant(ledger.durable.world, namespace, from);
      return exported(call.signal, (sink, signal) =>
        run(exportArchive({ namespace, images, format: 'oci', ...how }), { ...call, signal }, { sink }),
      );
    },
    tag: async (namespace, name, { names, labels }, call) => {
      const { target } = find(namespace, name);
      if (names.length === 0) throw new Rejection('not-found', 'no image name found: not found');
      await run(dispatch(...naming(names, target, namespace, labels)), call);
    },
  };
};

const imageNamed = (world: World, namespace: Namespace, name: ImageName): Image => {
  const image = findImage(world.image, namespace, name);
  if (image) return image;
  throw new Rejection('not-found', `image "${name}": not found`);
};

/** @throws Rejection `not-found` for a name, or for a prefix that no name has */
const imagesMeant = (
  world: World,
  namespace: Namespace,
  { names, prefixes }: ImageChoice,
): readonly Image[] => {
  const known = [...world.image.values()].filter((image) => image.namespace === namespace);
  const begun = prefixes.flatMap((prefix) => {
    const found = known.filter(({ name }) => name.startsWith(prefix));
    if (found.length > 0) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    throw new Rejection('not-found', `no image name begins with "${prefix}": not found`);
  });
  return [...new Set([...names.map((name) => imageNamed(world, namespace, name)), ...begun])];
};

const naming = (
  names: readonly ImageName[],
  target: Image['target'],
  namespace: Namespace,
  labels: Labels,
): readonly Command[] => names.map((name) => ({ type: 'set-image', namespace, name, target, labels }));

const gone = () => new Rejection('cancelled', 'the caller went away');

const withArchive = async <T>(
  archive: OpenArchive,
  { signal }: Call,
  work: (archive: OpenArchive) => Promise<T>,
): Promise<T> => {
  const abandon = (): void => archive.close(gone());
  signal?.addEventListener('abort', abandon, { once: true });
  try {
    return await work(archive);
  } finally {
    signal?.removeEventListener('abort', abandon);
    abandon();
  }
};

/** The workflow writes into one end, the caller reads from the other; whoever stops reading stops it. */
async function* exported(
  caller: AbortSignal | undefined,
  write: (sink: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const left = new AbortController();
  const signal = caller === undefined ? left.signal : AbortSignal.any([caller, left.signal]);
  const handOver = new HandOver<Uint8Array>();
  signal.addEventListener('abort', () => handOver.drop(gone()), { once: true });
  const settled = write((bytes) => handOver.put(bytes), signal).then(
    () => handOver.end(),
    (error: unknown) => handOver.drop(error),
  );
  try {
    yield* handOver.items();
  } finally {
    left.abort(gone());
    await settled;
  }
}
