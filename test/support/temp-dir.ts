import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A fresh directory for one test, on the machine's temporary file system, or below `parent` where the test needs
 * a disk that can hold overlay upper directories (`/var/tmp`).
 */
export const makeTempDir = (topic: string, parent = tmpdir()): { path: string; remove(): void } => {
  const path = mkdtempSync(join(parent, `shiplog-${topic}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
};
