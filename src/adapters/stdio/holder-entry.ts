import { fileURLToPath } from 'node:url';

/** The program that holds streams, as it was built. */
export const holderEntry = (): string => fileURLToPath(new URL('./holder-main.ts', import.meta.url));
