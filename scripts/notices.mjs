import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names and licence texts of the packages whose code is inside the bundles, as their licences ask. */

const packageOf = (input) =>
  /^(.*node_modules\/(?:@[^/]+\/[^/]+|[^/]+))\//.exec(input.replaceAll('\\', '/'))?.[1];

const notice = (folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : 'See the package for its text.';
  return `${name} ${version} (${license ?? 'licence not stated'})\n\n${text}\n`;
};

/** @param metafile of esbuild; its inputs are relative to `base` */
export const thirdPartyNotices = (metafile, base) => {
  const folders = new Set(
    Object.keys(metafile.inputs)
      .map(packageOf)
      .filter((folder) => folder !== undefined),
  );
  const notices = [...folders]
    .map((folder) => join(base, folder))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map(notice)
    .sort();
  return `The programs in this folder contain code of these packages.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
};
