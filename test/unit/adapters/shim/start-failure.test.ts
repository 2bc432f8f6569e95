import { describe, expect, it } from 'vitest';
import { shimFileName } from '../../../../src/adapters/shim/shim-binary.ts';
import { asStartFailure, startExitCode } from '../../../../src/adapters/shim/start-failure.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';
import { StartFailure } from '../../../../src/engine/ports/runtime.ts';

const prefix = 'OCI runtime create failed: runc create failed: unable to start container process: ';

describe('why a process could not be started', () => {
  it.each([
    [`${prefix}exec: "nosuch": executable file not found in $PATH: unknown`, 127],
    [`${prefix}exec: "/nosuch": stat /nosuch: no such file or directory: unknown`, 127],
    ['exec /script: no such file or directory', 127],
    [`${prefix}exec: "/etc/motd": permission denied: unknown`, 126],
    [`${prefix}exec: "/tmp": is a directory: unknown`, 126],
    ['exec /bad: exec format error', 126],
    [`${prefix}error mounting "/nosuch" to rootfs at "/mnt": stat /nosuch: no such file or directory`, 125],
    [`${prefix}chdir to cwd ("/x") set in config.json failed: permission denied`, 125],
    [
      'OCI runtime create failed: unable to retrieve OCI runtime error (open log.json): exec: "runx": executable file not found in $PATH',
      125,
    ],
  ])('%s is %i', (message, exitCode) => {
    expect(startExitCode(message)).toBe(exitCode);
  });
  it('is told from refusals of other kinds', () => {
    const gone = new Rejection('unavailable', 'exec: "x": executable file not found');
    expect(asStartFailure(gone)).toBe(gone);
    expect(
      asStartFailure(new Rejection('unknown', `${prefix}exec: "x": permission denied: unknown`)),
    ).toBeInstanceOf(StartFailure);
  });
});

describe('the file name of a shim', () => {
  it.each([
    ['io.containerd.runc.v2', 'containerd-shim-runc-v2'],
    ['io.containerd.kata.v2', 'containerd-shim-kata-v2'],
    ['runsc.v1', 'containerd-shim-runsc-v1'],
  ])('%s is %s', (name, file) => {
    expect(shimFileName(name)).toBe(file);
  });
  it.each(['runc', '', 'a.', '../evil.v1'])('refuses %j', (name) => {
    expect(() => shimFileName(name)).toThrow(/expected a name such as io.containerd.runc.v2/);
  });
  it('refuses the runtime of before shims of version 2', () => {
    expect(() => shimFileName('io.containerd.runtime.v1.linux')).toThrow(/use io.containerd.runc.v2/);
  });
});
