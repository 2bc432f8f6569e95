import { chownSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { z } from 'zod';
import { hasCode } from '../syscalls/error.ts';

/** A user of the host. */
export interface PipeOwner {
  readonly uid: number;
  readonly gid: number;
}

const Mappings = z.array(z.object({ containerID: z.number(), hostID: z.number() }));
const Specification = z.object({
  linux: z.object({ uidMappings: Mappings.optional(), gidMappings: Mappings.optional() }),
});

/**
 * Who root is outside, of a container in a user namespace; undefined where it is root. Pipes must belong to a user of the
 * container, or nobody in there could open /dev/stdout; conmon makes them as root.
 */
export const rootOf = (specification: string): PipeOwner | undefined => {
  const { linux } = Specification.parse(JSON.parse(specification));
  const uid = linux.uidMappings?.find(({ containerID }) => containerID === 0)?.hostID;
  const gid = linux.gidMappings?.find(({ containerID }) => containerID === 0)?.hostID;
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
};

/** Who a process is, as the host sees it (proc(5): real, effective, saved and file system id). */
export const ownerOf = (pid: number): PipeOwner => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [uid, gid] = ['Uid', 'Gid'].map((name) =>
    Number(new RegExp(`^${name}:\\t\\d+\\t(\\d+)`, 'm').exec(status)?.[1]),
  );
  if (uid === undefined || gid === undefined || Number.isNaN(uid + gid)) {
    throw new Error(`/proc/${pid}/status names no user`);
  }
  return { uid, gid };
};

/** Gives the pipes that a process has open to a user. Those that it has closed meanwhile are nobody's any more. */
export const givePipes = (pid: number, { uid, gid }: PipeOwner): void => {
  const folder = `/proc/${pid}/fd`;
  for (const fd of readdirSync(folder)) {
    try {
      if (readlinkSync(`${folder}/${fd}`).startsWith('pipe:')) chownSync(`${folder}/${fd}`, uid, gid);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
};
