import { hasCode } from '../syscalls/error.ts';
import type { UnpackBlame } from './job.ts';
import { LayerError } from './layer-error.ts';

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Faults of names and links that only the layer can have brought about, since nobody else writes in its directory. */
const layerFaults = [
  'ENAMETOOLONG',
  'ELOOP',
  'ENOTDIR',
  'EISDIR',
  'EMLINK',
  'ENOENT',
  'EEXIST',
  'EPERM',
  'EINVAL',
  'ERANGE',
  'E2BIG',
];

/** Sorts what went wrong by whose fault it is. @param entry name of the entry at hand, where there was one */
export const blameFor = (error: unknown, entry: string): { blame: UnpackBlame; message: string } => {
  const at = entry === '' ? '' : ` at entry '${entry}'`;
  if (error instanceof LayerError) return { blame: 'layer', message: `${error.message}${at}` };
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return { blame: 'space', message: `the disk is full${at}` };
  if (hasCode(error, ...layerFaults)) return { blame: 'layer', message: `${words(error)}${at}` };
  return { blame: 'internal', message: `${words(error)}${at}` };
};
