import type { Mount } from '../../../domain/mount.ts';
import type { Mount as WireMount } from '../../../gen/containerd/types/mount_pb.ts';

export const mountMessage = ({ type, source, options }: Mount) => ({ type, source, options: [...options] });

/** The mounts of a request; `target`, since containerd 1.7 a place below the root, must be empty. */
export const mountOf = ({ type, source, options }: WireMount): Mount => ({ type, source, options });
