import type { Container } from '../../../gen/shiplog/v1/containers_pb.ts';
import { ellipsis, familiarName, humanAgo, humanSpan, shortId, timestamp } from './units.ts';

const millis = (us: bigint | undefined): number => Number((us ?? 0n) / 1000n);

/** docker's STATUS column: `Up 5 seconds (Paused)`, `Exited (0) 2 minutes ago`. */
export const statusText = (container: Container, nowMs: number): string => {
  switch (container.status) {
    case 'running':
      return `Up ${humanSpan(nowMs - millis(container.startedUs))}`;
    case 'paused':
      return `Up ${humanSpan(nowMs - millis(container.startedUs))} (Paused)`;
    case 'exited':
      return `Exited (${container.exitCode ?? 0}) ${humanSpan(nowMs - millis(container.exitedUs))} ago`;
    case 'lost':
      return container.exitedUs === undefined ? 'Lost' : `Lost ${humanAgo(container.exitedUs, nowMs)}`;
    case 'created':
      return 'Created';
    default:
      return container.status;
  }
};

/** A container under docker's names for its fields. */
export const containerRow = (container: Container, nowMs: number, noTrunc: boolean) => {
  const command = container.args
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`))
    .join(' ');
  return {
    ID: noTrunc ? container.id : shortId(container.id),
    Image: familiarName(container.image),
    Command: `"${noTrunc ? command : ellipsis(command, 20)}"`,
    CreatedAt: timestamp(container.createdUs),
    RunningFor: humanAgo(container.createdUs, nowMs),
    State: container.status,
    Status: statusText(container, nowMs),
    ExitCode: container.exitCode ?? null,
    Pid: container.pid,
    Names: container.name,
    Labels: container.labels,
    Runtime: container.runtime,
  };
};

export type ContainerRow = ReturnType<typeof containerRow>;
