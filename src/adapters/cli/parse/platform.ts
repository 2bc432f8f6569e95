import { InvalidArgumentError } from 'commander';

/** `os/architecture[/variant]`, as docker's --platform. @throws InvalidArgumentError */
export const parsePlatform = (text: string): { os: string; architecture: string; variant: string } => {
  const [os = '', architecture = '', variant = '', ...rest] = text.toLowerCase().split('/');
  if (os === '' || architecture === '' || rest.length > 0) {
    throw new InvalidArgumentError('Give OS/ARCHITECTURE[/VARIANT], such as linux/arm64 or linux/arm/v7.');
  }
  return { os, architecture, variant };
};
