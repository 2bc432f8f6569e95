import { existsSync } from 'node:fs';

/**
 * Options that containerd adds where the kernel's overlayfs knows them. `index=off`: a lower directory may be shared by
 * many mounts, and an index would tie an upper directory to the first one it was mounted with.
 */
export const overlayFeatures = (parameters = '/sys/module/overlay/parameters'): readonly string[] =>
  existsSync(`${parameters}/index`) ? ['index=off'] : [];
