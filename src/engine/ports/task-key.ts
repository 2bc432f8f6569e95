import type { ContainerId, Namespace } from '../../domain/identity.ts';

/** Names a task: the execution of one container. */
export interface TaskKey {
  readonly namespace: Namespace;
  readonly id: ContainerId;
}

/** The key alone, of something that comes with more. */
export const taskKeyOf = ({ namespace, id }: TaskKey): TaskKey => ({ namespace, id });
