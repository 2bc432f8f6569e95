import type { Call } from '../call.ts';

/** Who asks, and for how long. */
export type StoreCall = Pick<Call, 'cause' | 'signal'>;
