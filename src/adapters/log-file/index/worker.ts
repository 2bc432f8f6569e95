import { parentPort, workerData } from 'node:worker_threads';
import { realDisk } from '../real-disk.ts';
import { buildIndexes, type IndexJobs } from './build-indexes.ts';

/** The thread that makes indexes: it tells after each, and then it ends. */
void buildIndexes(realDisk, workerData as IndexJobs, (news) => parentPort?.postMessage(news));
