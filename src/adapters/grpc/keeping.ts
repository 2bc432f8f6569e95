import { position } from '../../domain/identity.ts';
import type { KeepingApi } from '../../engine/ports/keeping-api.ts';
import type { Keeping } from '../../gen/shiplog/v1/keeping_pb.ts';
import { atOf } from './at.ts';
import type { Service } from './handlers.ts';
import { invalid, pathOf, present } from './parse.ts';

export const keepingService = (api: KeepingApi): Service<typeof Keeping> => ({
  redact: async ({ position: at, fields }, call) => {
    if (fields.length === 0) throw invalid('fields', 'is empty; name what is to be taken out');
    const { recorded, archives } = await api.redact({ at: position(at), fields }, call);
    return { archives: [...archives], ...present({ recordedPosition: recorded }) };
  },
  archive: async ({ directory, before }, call) => {
    const to = pathOf(directory, 'directory');
    const { from, until, bytes, ...report } = await api.archive(
      { directory: to, ...present({ before: atOf(before) }) },
      call,
    );
    return { ...report, fromPosition: from, untilPosition: until, bytes: BigInt(bytes) };
  },
  prune: async ({ before: moment, unarchived }, call) => {
    const before = atOf(moment);
    if (before === undefined) throw invalid('before', 'is empty; give a position or a time');
    const { horizon, segments, bytes, archives } = await api.prune({ before, unarchived }, call);
    return { horizon, segments, bytes: BigInt(bytes), archives: [...archives] };
  },
  restore: async ({ directories: given }, call) => {
    if (given.length === 0) throw invalid('directories', 'is empty; name the folder of an archive');
    const directories = given.map((directory) => pathOf(directory, 'directories'));
    const { until, segments, bytes } = await api.restore({ directories }, call);
    return { untilPosition: until, segments, bytes: BigInt(bytes) };
  },
});
