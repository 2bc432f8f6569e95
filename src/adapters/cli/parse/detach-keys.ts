import { InvalidArgumentError } from 'commander';

const codeOf = (key: string): number => {
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64;
  if (key.length === 1) return key.charCodeAt(0);
  throw new InvalidArgumentError(
    'Give keys such as ctrl-p,ctrl-q: single letters, or ctrl- and one of a-z @ [ \\ ] ^ _.',
  );
};

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/** The bytes of docker's --detach-keys. @throws InvalidArgumentError */
export const parseDetachKeys = (text: string): Uint8Array => Uint8Array.from(text.split(',').map(codeOf));
