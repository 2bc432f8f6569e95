import { position } from '../../src/domain/identity.ts';
import type { KeepingApi } from '../../src/engine/ports/keeping-api.ts';

/** What a fake daemon keeps of its log: events 0 to 99 are in an archive, and it prunes up to 100. */
export const fakeKeepingApi = (
  note: (method: string, input: unknown) => void,
  parts: Partial<KeepingApi> = {},
): KeepingApi => ({
  redact: async (request) => {
    note('keeping.redact', request);
    return { recorded: position(120n), archives: request.at < 100n ? ['/backup'] : [] };
  },
  archive: async (request) => {
    note('keeping.archive', request);
    const range = { from: position(0n), until: position(100n) };
    return { ...range, directory: request.directory, segments: 2, bytes: 5000, manifest: 'cd'.repeat(32) };
  },
  prune: async (request) => {
    note('keeping.prune', request);
    return { horizon: position(100n), segments: 2, bytes: 9000, archives: ['/backup'] };
  },
  restore: async (request) => {
    note('keeping.restore', request);
    return { until: position(100n), segments: 2, bytes: 9000 };
  },
  ...parts,
});
