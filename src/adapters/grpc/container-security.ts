import type { ContainerRequest } from '../../domain/container-request.ts';
import { invalid, pathOf } from './parse.ts';

type Security = Pick<ContainerRequest, 'noNewPrivileges' | 'seccomp' | 'apparmor' | 'maskPaths'>;

const defaults: Security = { noNewPrivileges: false, seccomp: 'default', apparmor: '', maskPaths: true };

const isProfile = (text: string): boolean => {
  try {
    const profile: unknown = JSON.parse(text);
    return typeof profile === 'object' && profile !== null && !Array.isArray(profile);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
};

/** One option, `NAME`, `NAME=VALUE` or, as docker still takes it, `NAME:VALUE`. */
const securityOption = (text: string, field: string): Partial<Security> => {
  const [, name = '', value] = /^([a-z-]+)(?:[=:](.*))?$/s.exec(text) ?? [];
  if (name === 'no-new-privileges' && (value === undefined || value === 'true')) {
    return { noNewPrivileges: true };
  }
  if (name === 'no-new-privileges' && value === 'false') return { noNewPrivileges: false };
  if (name === 'seccomp' && (value === 'unconfined' || value === 'default')) return { seccomp: value };
  if (name === 'seccomp' && value !== undefined && isProfile(value)) return { seccomp: value };
  if (name === 'seccomp') {
    throw invalid(field, 'a seccomp profile comes as JSON, not as a path; or give seccomp=unconfined');
  }
  if (name === 'apparmor' && value) return { apparmor: value === 'unconfined' ? '' : value };
  if (name === 'systempaths' && value === 'unconfined') return { maskPaths: false };
  throw invalid(
    field,
    `'${text}' is not supported; there are no-new-privileges, seccomp=…, apparmor=NAME, systempaths=unconfined`,
  );
};

/** Later options win. */
export const securityOf = (options: readonly string[]): Security =>
  Object.assign(
    { ...defaults },
    ...options.map((text, index) => securityOption(text, `options.security.${index}`)),
  );

/** `/dev/host[:/dev/container[:rwm]]`; docker also takes the permissions in second place. */
export const deviceOf = (text: string, index: number): ContainerRequest['devices'][number] => {
  const field = `options.devices.${index}`;
  const [host = '', second, third, ...rest] = text.split(':');
  const onlyPermissions = third === undefined && second !== undefined && /^[rwm]+$/.test(second);
  const permissions = (onlyPermissions ? second : third) ?? 'rwm';
  if (rest.length > 0 || !/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) {
    throw invalid(field, `'${text}' is not a device; give HOST[:CONTAINER[:rwm]]`);
  }
  const container = onlyPermissions || second === undefined || second === '' ? host : second;
  return { host: pathOf(host, field), container: pathOf(container, field), permissions };
};

/** `net_admin` is CAP_NET_ADMIN; `ALL` stays. Whether there is such a capability is the runtime's to say. */
export const capabilityOf = (text: string): string => {
  const name = text.toUpperCase();
  return name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`;
};
