import type { Descriptor, Digest, Namespace } from '../../domain/identity.ts';
import { familiarName, ImageReference, imageNameOf } from '../../domain/image-reference.ts';
import type { Image } from '../../domain/images.ts';
import { blobsLetGo } from '../../domain/let-go.ts';
import { documentLimit, ImageConfig, ImageManifest } from '../../domain/oci-image.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { World } from '../../domain/world.ts';
import { imageTree } from '../../projections/image-tree.ts';
import { listImages, resolveImage, usedBy } from '../../projections/images.ts';
import { pull } from '../../workflows/pull.ts';
import { push } from '../../workflows/push.ts';
import { dispatch } from '../../workflows/steps.ts';
import type { Call, ImagesApi, ImageView } from '../ports/api.ts';
import type { At } from '../ports/at.ts';
import { type Engine, orThrow, run, shown } from './engine.ts';
import { viewsAt } from './past.ts';

type Part = Omit<ImagesApi, 'import' | 'export'>;

/** Pull, push, and names. */
export const imagesApi = (engine: Engine): Part => ({
  pull: (request, call) => run(engine, pull(request), call),
  push: async ({ namespace, image: text, reference, credentials }, call) => {
    const image = find(engine, namespace, text);
    const to = reference ?? ImageReference.parse(image.name);
    return run(
      engine,
      push({ namespace, image, reference: to, ...(credentials ? { credentials } : {}) }),
      call,
    );
  },
  list: async (namespace, { reference, at } = {}, signal) => {
    const { world } = await viewsAt(engine, at, signal);
    const read = documentsAt(engine, at);
    return Promise.all(listImages(world, namespace, reference).map((image) => viewOf(world, image, read)));
  },
  inspect: async (namespace, text, at, signal) => {
    const { world } = await viewsAt(engine, at, signal);
    const image = orThrow(resolveImage(world, namespace, text));
    const { config, manifest, layers } = imageTree(world, image);
    const read = documentsAt(engine, at);
    const textOf = async (digest: Digest | undefined) =>
      digest === undefined ? '{}' : ((await read(digest)) ?? '');
    return {
      image: await viewOf(world, image, read),
      config: await textOf(config),
      manifest: await textOf(manifest),
      layers,
    };
  },
  tag: async ({ namespace, source, target }, call) => {
    const image = find(engine, namespace, source);
    const name = imageNameOf(target);
    await run(
      engine,
      dispatch({ type: 'set-image', namespace, name, target: image.target, labels: image.labels }),
      call,
    );
  },
  remove: (request, call) => remove(engine, request, call),
});

export const find = (engine: Engine, namespace: Namespace, text: string): Image =>
  orThrow(resolveImage(shown(engine), namespace, text));

const readText = async ({ ports }: Engine, digest: Digest): Promise<string> =>
  new TextDecoder().decode(await ports.blobs.readAll(digest, documentLimit));

/** Reads a document; undefined where its bytes are gone, which only a look into the past may find. */
type ReadDocument = (digest: Digest) => Promise<string | undefined>;

const documentsAt =
  (engine: Engine, at: At | undefined): ReadDocument =>
  async (digest) => {
    try {
      return await readText(engine, digest);
    } catch (error) {
      if (at !== undefined && error instanceof Rejection && error.code === 'not-found') return undefined;
      throw error;
    }
  };

/** The configuration's descriptor, as the manifest that is here gives it. */
export const configOf = async (engine: Engine, image: Image): Promise<Descriptor> => {
  const { manifest } = imageTree(shown(engine), image);
  if (manifest === undefined) {
    throw new Rejection(
      'failed-precondition',
      `the manifest of image '${image.name}' is not here; pull it again`,
    );
  }
  return ImageManifest.parse(JSON.parse(await readText(engine, manifest))).config;
};

const viewOf = async (world: World, image: Image, read: ReadDocument): Promise<ImageView> => {
  const tree = imageTree(world, image);
  const { name, target, labels, createdAt, updatedAt } = image;
  const { contentSize, unpackedSize, config } = tree;
  const view = { name, target, labels, createdAt, updatedAt, contentSize, unpackedSize, id: config ?? '' };
  if (config === undefined || tree.missing.includes(config)) return view;
  const text = await read(config);
  if (text === undefined) return view;
  const { os, architecture, variant } = ImageConfig.parse(JSON.parse(text));
  return { ...view, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
};

const remove = async (
  engine: Engine,
  { namespace, image: text, force }: Parameters<ImagesApi['remove']>[0],
  call: Call,
) => {
  const image = find(engine, namespace, text);
  const others = listImages(shown(engine), namespace).filter(
    ({ target }) => target.digest === image.target.digest,
  );
  const users = usedBy(shown(engine), image);
  if (users.length > 0 && others.length === 1 && !force) {
    throw new Rejection(
      'failed-precondition',
      `image '${familiarName(image.name)}' is used by container ${users.map(({ name }) => name).join(', ')}; remove it first, or remove the image with force`,
    );
  }
  const [removal] = await run(engine, dispatch({ type: 'remove-image', namespace, name: image.name }), call);
  const causation = removal?.position;
  const freed = await engine.collector.collect({
    ...call.cause,
    ...(causation === undefined ? {} : { causation }),
  });
  const deleted = freed.flatMap(blobsLetGo).map(({ digest }) => digest);
  return { untagged: [familiarName(image.name)], deleted };
};
