import type { TransferReport } from '../../workflows/effects.ts';
import type { Cause } from './cause.ts';

/** Who calls, until when, and where progress goes. */
export interface Call {
  readonly cause: Cause;
  readonly signal?: AbortSignal;
  readonly report?: (report: TransferReport) => void;
}
