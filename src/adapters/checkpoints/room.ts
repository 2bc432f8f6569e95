import { setFlagsFromString } from 'node:v8';

/** Bytes of a saved state above which reading it is most of a start. A host with some hundred containers has fewer. */
const LARGE = 262_144;

/**
 * Lets V8's room for young objects grow as usual before a large state is read, where a daemon that starts holds it small
 * (ADR 10): nearly all that is read stays, and a small room is copied from again and again.
 * @param size of the file, in bytes
 */
export const makeRoomFor = (size: number): void => {
  if (size > LARGE) setFlagsFromString('--semi-space-growth-factor=2'); // V8's own
};
