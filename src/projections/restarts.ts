import type { Labels } from '../domain/identity.ts';

/** Labels by which a client has its container kept running, or stopped, as containerd's restart monitor reads them. */
export const restartLabels = {
  /** `running` or `stopped`: how the task is to be. */
  status: 'containerd.io/restart.status',
  /** `always` (also where it is missing), `unless-stopped`, `on-failure`, `on-failure:N` or `no`. */
  policy: 'containerd.io/restart.policy',
  /** How often it was started again. */
  count: 'containerd.io/restart.count',
  /** Whoever stopped it meant it, says `unless-stopped`. */
  explicitlyStopped: 'containerd.io/restart.explicitly-stopped',
  /** Where output goes of a task that was started again. */
  logUri: 'containerd.io/restart.loguri',
  /** The same, as a path: from before there were URIs. */
  logPath: 'containerd.io/restart.logpath',
} as const;

/** A task as far as its restart goes. */
export interface RestartedTask {
  readonly status: 'created' | 'running' | 'paused' | 'stopped';
  /** Exit status of one that has stopped. */
  readonly exitStatus?: number;
}

/** What is to be done about a container, and why. */
export type Restart =
  | { readonly act: 'start'; readonly count: number; readonly because: string }
  | { readonly act: 'stop'; readonly because: string }
  /** Its labels can't be read. */
  | { readonly act: 'complain'; readonly because: string };

const truths = ['1', 't', 'T', 'true', 'TRUE', 'True'];

/** A count as its label tells it; nothing where it is no number. */
const countIn = (labels: Labels): number | undefined => {
  const text = labels[restartLabels.count] ?? '';
  if (text === '') return 0;
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
};

interface Verdict {
  readonly start: boolean;
  readonly complaint?: string;
}

const no: Verdict = { start: false };
const complaint = (text: string): Verdict => ({ start: false, complaint: text });

const judge = (policy: string, labels: Labels, task: RestartedTask | undefined): Verdict => {
  const [name = '', ...retries] = policy.split(':');
  if (name !== 'on-failure' && retries.length > 0) {
    return complaint(`restart policy '${policy}' takes no number of retries; only on-failure does`);
  }
  switch (name) {
    case '':
    case 'always':
      return { start: true };
    case 'no':
      return no;
    case 'unless-stopped':
      return { start: !truths.includes(labels[restartLabels.explicitlyStopped] ?? '') };
    case 'on-failure': {
      const [most = '0'] = retries;
      const count = countIn(labels);
      if (!/^\d{1,9}$/.test(most))
        return complaint(`restart policy '${policy}': '${most}' is no number of retries`);
      if (count === undefined) return complaint(`label ${restartLabels.count} is no number`);
      const failed = task?.exitStatus !== undefined && task.exitStatus !== 0;
      return { start: failed && (Number(most) === 0 || count < Number(most)) };
    }
    default:
      return complaint(`restart policy '${policy}' is none of always, on-failure[:N], unless-stopped and no`);
  }
};

/**
 * What containerd's restart monitor would do about a container now.
 * @param task absent where there is none
 * @returns nothing where all is as it should be
 */
export const restartOf = (labels: Labels, task: RestartedTask | undefined): Restart | undefined => {
  const wanted = labels[restartLabels.status];
  if (wanted === 'stopped') {
    if (task === undefined || task.status === 'stopped') return undefined;
    return { act: 'stop', because: `label ${restartLabels.status} is stopped, and it is ${task.status}` };
  }
  if (wanted !== 'running' || (task !== undefined && task.status !== 'stopped')) return undefined;
  const policy = labels[restartLabels.policy] ?? '';
  const { start, complaint: said } = judge(policy, labels, task);
  if (said !== undefined) return { act: 'complain', because: said };
  if (!start) return undefined;
  const how =
    task === undefined ? 'it has no task' : `it ended with ${task.exitStatus ?? 'an unknown status'}`;
  return {
    act: 'start',
    count: (countIn(labels) ?? 0) + 1,
    because: `restart policy ${policy === '' ? 'always' : policy}: ${how}`,
  };
};
