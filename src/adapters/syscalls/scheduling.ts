import { check, declare } from './libc.ts';

const setScheduler = declare<(pid: number, policy: number, parameters: Int32Array) => number>(
  'int sched_setscheduler(int pid, int policy, void *parameters)',
);
const setPriority = declare<(which: number, who: number, priority: number) => number>(
  'int setpriority(int which, uint32_t who, int priority)',
);

const SCHED_OTHER = 0;
/** What is started from here gets no better priority than usual. */
const SCHED_RESET_ON_FORK = 0x40000000;
const PRIO_PROCESS = 0;

/**
 * Gives the calling thread a nice value (sched(7)) that neither its threads nor its children inherit where it is below 0:
 * they begin at 0.
 * @throws SyscallError, EACCES or EPERM without CAP_SYS_NICE
 */
export const setThreadNice = (nice: number): void => {
  check(setScheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, new Int32Array(1)), 'sched_setscheduler', '');
  check(setPriority(PRIO_PROCESS, 0, nice), 'setpriority', '');
};
