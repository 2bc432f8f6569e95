/** What the demo shows, and what it has checked. */
const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const styled = (code) => (text) => (isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = styled('1');
const dim = styled('2');
const green = styled('32');
const red = styled('31');

const checks = { passed: 0, failed: [] };

const print = (text) => process.stdout.write(text);

export const heading = (text) => print(`\n${bold(`── ${text}`)}\n`);
export const remark = (text) => print(`${dim(`# ${text}`)}\n`);
export const output = (text) => print(text);

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
/** A command line as it would be typed. */
export const commandLine = (words) => words.map(quoted).join(' ');
export const prompt = (line) => print(`${bold(`$ ${line}`)}\n`);

/** Counts and shows a check. One that fails ends no act, so that the rest is seen too. */
export const check = (what, good, found = '') => {
  if (good) checks.passed += 1;
  else checks.failed.push(what);
  const detail = good || found === '' ? '' : `: ${found}`;
  print(`${good ? green('✓') : red('✗')} ${what}${detail}\n`);
};

/** @param trouble what ended the demo early; undefined where nothing did. @returns whether all is well */
export const verdict = (trouble, seconds) => {
  const good = trouble === undefined && checks.failed.length === 0;
  const words = good
    ? `Demo passed: ${checks.passed} checks in ${seconds.toFixed(0)} s. The daemon was killed twice; the container noticed nothing, and the log tells it all.`
    : `Demo FAILED: ${trouble ?? `${checks.failed.length} of ${checks.failed.length + checks.passed} checks: ${checks.failed.join('; ')}`}`;
  print(`\n${good ? green(bold(words)) : red(bold(words))}\n`);
  return good;
};
