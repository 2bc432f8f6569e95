import type { ImageName, Labels, Namespace, Platform, SnapshotterName } from '../../../domain/identity.ts';
import type { ImageReference } from '../../../domain/image-reference.ts';
import type { NamingPrefix } from '../../../workflows/import-into.ts';
import type { Call } from '../call.ts';
import type { RegistryAccess } from '../registry.ts';

/** An image on a registry, and how its client wants that asked. */
export interface RegistryImage {
  readonly reference: ImageReference;
  readonly access: RegistryAccess;
}

/** Names to be given to what a transfer brings. */
export interface ImageNaming {
  /** In full; of an import, for the archive's own index. */
  readonly names: readonly ImageName[];
  /** How an import calls the images that it finds. */
  readonly prefixes: readonly NamingPrefix[];
  readonly labels: Labels;
}

export interface ImageDestination extends ImageNaming {
  /** Which to fetch of an index; all where none is named. */
  readonly platforms: readonly Platform[];
  /** Which to unpack to `overlayfs`, each while it comes in. */
  readonly unpack: readonly Platform[];
  /** Which to unpack to other snapshotters, when all is there. */
  readonly unpackElsewhere: readonly UnpackTarget[];
}

export interface UnpackTarget {
  readonly snapshotter: SnapshotterName;
  readonly platform: Platform;
}

/** Which images are meant. */
export interface ImageChoice {
  readonly names: readonly ImageName[];
  /** Also every image whose name begins with one of these. */
  readonly prefixes: readonly string[];
}

export interface ExportChoice {
  /** Which manifests of an index; all that are here where none is named. */
  readonly platforms: readonly Platform[];
  /** With docker's `manifest.json`. */
  readonly compatible: boolean;
}

/**
 * Images as wholes, between registries, the store and archives. Each runs under a lease of its own and stands in the log as
 * a transfer; progress goes to the call's `report`.
 */
export interface TransferService {
  /** @throws Rejection as {@link file://./../registry.ts the registry}; `not-found` where no platform fits; `invalid-argument` for a snapshotter that is not there */
  pull(
    namespace: Namespace,
    from: RegistryImage,
    to: ImageDestination,
    call: Call,
  ): Promise<readonly ImageName[]>;
  /** @throws Rejection `not-found` for the image; as the registry */
  push(namespace: Namespace, name: ImageName, to: RegistryImage, call: Call): Promise<void>;
  /** @throws Rejection as `shiplog import` */
  import(
    namespace: Namespace,
    archive: AsyncIterable<Uint8Array>,
    to: ImageNaming & Pick<ImageDestination, 'unpack' | 'unpackElsewhere'>,
    call: Call,
  ): Promise<readonly ImageName[]>;
  /**
   * An OCI image layout, with each image once.
   * @throws Rejection `not-found` for an image, for a prefix that no name has, or where it is not here for the platforms
   */
  export(namespace: Namespace, from: ImageChoice, how: ExportChoice, call: Call): AsyncIterable<Uint8Array>;
  /** @throws Rejection `not-found` */
  tag(namespace: Namespace, name: ImageName, to: ImageNaming, call: Call): Promise<void>;
}
