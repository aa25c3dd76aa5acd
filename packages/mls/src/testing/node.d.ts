// What the tests and the vectors' command use of Node. The package is compiled without Node's types, so that its code
// cannot lean on them.
declare module "node:fs" {
  export function existsSync(path: string): boolean;
  export function readFileSync(path: string, encoding: "utf8"): string;
  export function readdirSync(path: string, options: { recursive: true; encoding: "utf8" }): string[];
  export function statSync(path: string): { isDirectory(): boolean; isFile(): boolean };
}

declare module "node:path" {
  export function basename(path: string): string;
  export function join(...parts: string[]): string;
  export function relative(from: string, to: string): string;
  export function resolve(...parts: string[]): string;
}

declare module "node:process" {
  export const env: Readonly<Record<string, string | undefined>>;
  export const stdout: { write(text: string): void };
  const process: {
    readonly argv: readonly string[];
    readonly env: typeof env;
    readonly stdout: typeof stdout;
    cwd(): string;
    memoryUsage(): { readonly heapUsed: number; readonly arrayBuffers: number };
    exitCode?: number;
  };
  export default process;
}

declare module "node:v8" {
  export function getHeapStatistics(): { readonly total_allocated_bytes: number };
  export function setFlagsFromString(flags: string): void;
}

declare module "node:worker_threads" {
  export const isMainThread: boolean;
  export const parentPort: { postMessage(value: object): void } | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the parent sent
  export const workerData: any;
  export class Worker {
    constructor(script: string, options: { workerData: object });
    // oxlint-disable-next-line typescript/no-explicit-any -- whatever the worker sent
    on(event: "message" | "error", listener: (value: any) => void): void;
    terminate(): Promise<number>;
  }
}

declare module "node:perf_hooks" {
  export const performance: { readonly timeOrigin: number; now(): number };
}

declare module "node:timers" {
  export function setInterval(run: () => void, milliseconds: number): object;
  export function clearInterval(timer: object): void;
}

declare module "node:vm" {
  export function runInNewContext(code: string): unknown;
}

interface ImportMeta {
  readonly dirname: string;
}
