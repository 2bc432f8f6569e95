import { InvalidArgumentError } from 'commander';

const codeOf = (key: string): number => {
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64;
  if (key.length === 1) return key.charCodeAt(0);
  throw new InvalidArgumentError(
    'Give keys such as ctrl-p,ctrl-q: single letters, or ctrl- and one of a-z @ [ \\ ] ^ _.',
  );
};

/** The bytes of docker's --detach-keys. @throws InvalidArgumentError */
export const parseDetachKeys = (text: string): Uint8Array => Uint8Array.from(text.split(',').map(codeOf));

export const defaultDetachKeys = parseDetachKeys('ctrl-p,ctrl-q');

export const detachKeysHelp = 'keys that leave it running (default: ctrl-p,ctrl-q)';
