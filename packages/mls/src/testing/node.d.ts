// What the tests use of Node. The package is compiled without Node's types, so that its code cannot lean on them.
declare module "node:fs" {
  export function existsSync(path: string): boolean;
  export function readFileSync(path: string, encoding: "utf8"): string;
}

declare module "node:path" {
  export function join(...parts: string[]): string;
}

declare module "node:process" {
  export const env: Readonly<Record<string, string | undefined>>;
  export const stdout: { write(text: string): void };
}

interface ImportMeta {
  readonly dirname: string;
}
