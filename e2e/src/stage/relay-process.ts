import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../../../apps/relay/src/main.ts");

const WEB_BUILD = join(import.meta.dirname, "../../../apps/web/dist");

/** The real relay as a process of its own, on a data directory that outlives its deaths. */
export interface RelayProcess {
  readonly port: number;
  readonly dataDirectory: string;
  /** Everything it wrote to stdout and stderr so far, over all its lives. */
  log(): string;
  start(): Promise<void>;
  /** SIGKILL: no goodbye, no flush. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Every byte of the data directory, file by file. */
  files(): Promise<{ name: string; bytes: Buffer }[]>;
  dispose(): Promise<void>;
}

export interface RelayOptions {
  /** The port that people's browsers know, where it isn't the relay's own. */
  publicPort?: number;
  /** JavaScript that runs in everybody's engine worker before its own: how a browser that refuses something is played. */
  workerPrelude?: string;
  /** HTML at the head of the page, and what it may point at as /planted.js: how somebody who can write into the page is played. */
  plantedMarkup?: string;
}

export async function createRelay(options: RelayOptions = {}): Promise<RelayProcess> {
  const port = await freePort();
  const dataDirectory = await mkdtemp(join(tmpdir(), "thicket-e2e-"));
  const webDirectory = await webBuildWith(options);
  const output: string[] = [];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn(process.execPath, [MAIN], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        THICKET_PORT: String(port),
        THICKET_DATA: dataDirectory,
        ...(webDirectory !== undefined && { THICKET_WEB: webDirectory }),
        THICKET_ORIGIN: `http://localhost:${options.publicPort ?? port}`,
      },
    });
    child.stdout?.on("data", (data: Buffer) => output.push(data.toString("utf8")));
    child.stderr?.on("data", (data: Buffer) => output.push(data.toString("utf8")));
    await untilHealthy(port, child, output);
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const dying = child;
    child = undefined;
    if (!dying || dying.exitCode !== null) return dying?.exitCode ?? null;
    const exited = once(dying, "exit");
    dying.kill(signal);
    await exited;
    return dying.exitCode;
  }

  return {
    port,
    dataDirectory,
    log: () => output.join(""),
    start,
    kill: async () => void (await end("SIGKILL")),
    stop: () => end("SIGTERM"),
    files: () => readTree(dataDirectory),
    dispose: async () => {
      await end("SIGKILL");
      await rm(dataDirectory, { recursive: true, force: true });
      if (webDirectory !== undefined) await rm(webDirectory, { recursive: true, force: true });
    },
  };
}

async function untilHealthy(port: number, child: ChildProcess, output: string[]): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null)
      throw new Error(`the relay exited with ${child.exitCode}:\n${output.join("")}`);
    try {
      const response = await fetch(`http://localhost:${port}/healthz`);
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the relay did not come up:\n${output.join("")}`);
}

/** A copy of the web build whose worker runs a prelude first or whose page holds more; undefined where it's the build itself. */
async function webBuildWith({ workerPrelude, plantedMarkup }: RelayOptions): Promise<string | undefined> {
  if (workerPrelude === undefined && plantedMarkup === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), "thicket-web-"));
  await cp(WEB_BUILD, directory, { recursive: true });
  const change = async (path: string, edit: (text: string) => string) => {
    await writeFile(path, edit(await readFile(path, "utf8")));
    // The compressed copies hold the file as it was.
    for (const packed of [`${path}.br`, `${path}.gz`]) await rm(packed, { force: true });
  };
  if (workerPrelude !== undefined) {
    const assets = join(directory, "assets");
    for (const name of await readdir(assets)) {
      if (!/^engine\.worker.*\.js$/.test(name)) continue;
      await change(join(assets, name), (text) => `${workerPrelude}\n${text}`);
    }
  }
  if (plantedMarkup !== undefined) {
    await change(join(directory, "index.html"), (text) => text.replace("<head>", `<head>${plantedMarkup}`));
    await writeFile(join(directory, "planted.js"), `document.documentElement.dataset.planted = "ran";\n`);
  }
  return directory;
}

async function readTree(directory: string): Promise<{ name: string; bytes: Buffer }[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async (entry) => ({
      name: entry.name,
      bytes: await readFile(join(entry.parentPath, entry.name)),
    })),
  );
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return address.port;
}
