// What the tests use of Node. The package is compiled without Node's types, so that its code cannot lean on them.
declare module "node:fs" {
  export function existsSync(path: string): boolean;
  export function readdirSync(path: string): string[];
  export function readFileSync(path: string): Uint8Array;
  export function readFileSync(path: string, encoding: "utf8"): string;
}

declare module "node:path" {
  export function join(...parts: string[]): string;
}

declare module "node:process" {
  export const env: Readonly<Record<string, string | undefined>>;
}

interface ImportMeta {
  readonly dirname: string;
}
