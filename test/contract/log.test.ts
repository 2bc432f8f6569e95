import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { memoryLog } from '../../src/adapters/log-memory/memory-log.ts';
import { describeLog, type OpenedLog } from './log-contract.ts';

const fileLog = (segmentBytes: number) => async (): Promise<OpenedLog> => {
  const directory = await mkdtemp(join(tmpdir(), 'shiplog-log-'));
  const log = await openFileLog({ directory, segmentBytes });
  return {
    log,
    dispose: async () => {
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
};

describeLog('the log in memory', async () => {
  const log = memoryLog();
  return { log, dispose: () => log.close() };
});
describeLog('the log in a file', fileLog(64 * 1024 * 1024));
describeLog('the log in many small files', fileLog(2000));
