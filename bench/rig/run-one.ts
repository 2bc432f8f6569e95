import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Bench } from './figures.ts';
import { encodeReports, RECORD_VARIABLE } from './record.ts';

/** The process of one benchmark: `node run-one.js BENCH.js [ARGUMENT…]`, with the record's path in the environment. */
const [file = '', ...args] = process.argv.slice(2);
const record = process.env[RECORD_VARIABLE];
if (record === undefined) throw new Error(`${RECORD_VARIABLE} must name the file for the record`);
const { main } = createRequire(import.meta.url)(file) as { readonly main: Bench };
main(args).then((reports) => writeFileSync(record, encodeReports(reports)));
