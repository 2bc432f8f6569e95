import { Subject } from '../../src/domain/envelope.ts';
import { position } from '../../src/domain/identity.ts';
import type { ToldEvent } from '../../src/engine/ports/api.ts';
import type { State, TimeApi } from '../../src/engine/ports/time-api.ts';

const subject = Subject.parse('container/default/c0ffee');

/** The past of a fake daemon: one container that was created at 3 and started at 5. */
export const fakeTimeApi = (
  note: (method: string, input: unknown) => void,
  event: (at: bigint) => ToldEvent,
  parts: Partial<TimeApi> = {},
): TimeApi => {
  const stateAt = (at: bigint, thing: string | undefined): State =>
    thing === undefined
      ? { at: position(at), value: { containers: 1, running: at > 5n ? 1 : 0 } }
      : {
          at: position(at),
          subject,
          value: { name: 'web', task: { status: at > 5n ? 'running' : 'created' } },
        };
  const steps = [3n, 5n, 8n];
  return {
    diff: async function* (query) {
      note('time.diff', query);
      yield {
        subject,
        change: 'added',
        fields: [{ path: 'name', after: 'web', by: position(3n) }],
        events: [event(3n)],
      };
      yield {
        subject: Subject.parse('image/default/x'),
        change: 'changed',
        fields: [
          { path: 'labels["io.tier"]', before: 'front', after: 'back', by: position(5n) },
          { path: 'target.size', before: 7 },
        ],
        events: [event(5n)],
      };
      yield { subject: Subject.parse('lease/default/l'), change: 'removed', fields: [], events: [event(6n)] };
    },
    blame: async (query) => {
      note('time.blame', query);
      return {
        subject,
        at: position(9n),
        fields: [
          { path: 'name', value: 'web', by: event(3n) },
          { path: 'labels', value: {} },
        ],
      };
    },
    causes: async (query) => {
      note('time.causes', query);
      return {
        nodes: [
          { event: event(3n), depth: 0, part: 'request', left: 0 },
          { event: event(4n), depth: 1, part: 'intent', left: 0 },
          { event: event(5n), depth: 2, part: 'outcome', left: 7 },
          { event: event(6n), depth: 1, part: 'reaction', left: 0 },
        ],
        note: 'only 4 events are shown',
      };
    },
    bisect: async (query) => {
      note('time.bisect', query);
      return {
        event: event(5n),
        before: { at: position(5n), holds: false, undecided: 'no such key: web' },
        after: { at: position(6n), holds: true },
        states: 4,
      };
    },
    steps: async function* (query) {
      note('time.steps', query);
      const { from, to, limit = 99 } = query;
      const low = from !== undefined && 'position' in from ? from.position : 0n;
      const high = to !== undefined && 'position' in to ? to.position : 99n;
      const found = steps.filter((at) => at >= low && at < high);
      for (const at of (query.backward ? found.reverse() : found).slice(0, limit)) {
        yield {
          event: event(at),
          state: stateAt(at + 1n, query.thing),
          changes: at === 5n ? [{ path: 'task.status', before: 'created', after: 'running' }] : [],
        };
      }
    },
    state: async (query) => {
      note('time.state', query);
      const at = query.at !== undefined && 'position' in query.at ? query.at.position : 9n;
      return stateAt(at, query.thing);
    },
    ...parts,
  };
};
