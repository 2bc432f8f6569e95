import type { Descriptor, Platform } from '../domain/identity.ts';
import {
  chooseManifest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  isIndex,
  platformText,
} from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import { readDocument } from './documents.ts';
import type { Workflow } from './steps.ts';
import { type Layer, layersOf } from './unpack.ts';

/** What is to be unpacked of an image that is in the store. */
export interface UnpackPlan {
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly Layer[];
}

/** @throws Rejection `not-found` where an index has nothing for the platform */
export function* unpackPlan(target: Descriptor, platform: Platform): Workflow<UnpackPlan> {
  const manifest = yield* readDocument(yield* manifestFor(target, platform), ImageManifest);
  const config = yield* readDocument(manifest.config, ImageConfig);
  return { config: manifest.config, layers: yield* layersOf(manifest, config) };
}

function* manifestFor(target: Descriptor, platform: Platform): Workflow<Descriptor> {
  if (!isIndex(target.mediaType)) return target;
  const index = yield* readDocument(target, ImageIndex);
  const at = chooseManifest(index, platform);
  const chosen = at === undefined ? undefined : index.manifests[at];
  if (chosen !== undefined) return chosen;
  throw new Rejection('not-found', `${target.digest} has no image for ${platformText(platform)}: not found`);
}
