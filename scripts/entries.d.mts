export declare const root: string;
export declare const dist: string;
export declare const natives: readonly string[];
export declare const outputName: (source: string) => string;
export declare const sideEntries: (base?: string) => Record<string, string>;
export declare const allEntries: (base?: string) => Record<string, string>;
export declare const pointAtBuilt: (
  code: string,
  sourceFile: string,
  place: (outputName: string) => string,
) => string;
