import { bundle } from './bundle.mjs';
import { dist, sideEntries } from './entries.mjs';
import { gen } from './gen.mjs';

/** Before any test: src/gen, and the programs that code under test starts beside itself, each on its own. */
export const setup = async () => {
  gen();
  for (const [name, source] of Object.entries(sideEntries())) {
    try {
      await bundle({ [name]: source }, dist);
    } catch (error) {
      process.stderr.write(
        `dist/${name}.js could not be built, tests that start it will fail: ${error.message}\n`,
      );
    }
  }
};
