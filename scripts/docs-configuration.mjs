import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, writeWhole } from './bundle.mjs';
import { root } from './entries.mjs';

/** The text of a whole default configuration, from the schema. */
export const defaultConfig = async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'shiplog-config-'));
  try {
    await bundle({ config: join(root, 'src/adapters/config/default-text.ts') }, scratch);
    return createRequire(import.meta.url)(join(scratch, 'config.js')).defaultConfigText();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

/** `npm run docs:configuration`: puts it into docs/configuration.md, in the place of the one that is there. */
if (process.argv[1] === import.meta.filename) {
  const page = join(root, 'docs/configuration.md');
  const text = await defaultConfig();
  const old = readFileSync(page, 'utf8');
  writeWhole(
    page,
    old.replace(/```toml\n# Configuration of shiplogd\.[^`]*```/, () => `\`\`\`toml\n${text}\`\`\``),
  );
}
