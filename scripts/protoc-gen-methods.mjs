#!/usr/bin/env node
import { createEcmaScriptPlugin, runNodeJs } from '@bufbuild/protoplugin';

/**
 * Writes `methods.ts`: the methods of every service, by name and kind only. A server announces them with it at its
 * start, and loads the descriptors of a service (a millisecond or more each) when it is first called.
 */
runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-methods',
    version: 'v1',
    generateTs: (schema) => {
      const file = schema.generateFile('methods.ts');
      file.print('/** Methods by their name in code, of every service by its full name. */');
      file.print('export const methods = {');
      const services = schema.files.flatMap(({ services }) => services);
      for (const { typeName, methods } of services.sort((a, b) => (a.typeName < b.typeName ? -1 : 1))) {
        file.print(`  '${typeName}': {`);
        for (const { localName, name, methodKind } of methods)
          file.print(`    ${localName}: { name: '${name}', kind: '${methodKind}' },`);
        file.print('  },');
      }
      file.print('} as const;');
    },
  }),
);
