import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Runs a program to its end and gives what it printed. */
export type Run = (program: string, ...args: string[]) => Promise<string>;

const DEBIAN = "docker.io/library/debian:bookworm-slim";
const NODE = "docker.io/library/node:22-bookworm-slim";

/**
 * Makes images with the names of the Dockerfile's bases where no registry of images is asked: Debian's smallest system
 * by debootstrap, and on it Node 22 and npm from the registry of packages. They are larger than the real ones, which
 * leave out documents and translations.
 */
export async function makeStandInImages(place: string, run: Run): Promise<void> {
  const system = join(place, "system");
  await run("debootstrap", "--variant=minbase", "bookworm", system, "http://deb.debian.org/debian");
  // As in the real one, apt leaves nothing behind.
  for (const cache of ["var/cache/apt", "var/lib/apt/lists"]) {
    for (const name of readdirSync(join(system, cache)))
      rmSync(join(system, cache, name), { recursive: true });
  }
  writeFileSync(
    join(system, "etc/apt/apt.conf.d/docker-clean"),
    'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n' +
      'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\n',
  );
  await commit(run, { from: "scratch", files: system, to: "/", name: DEBIAN });

  const node = join(place, "node");
  unpack(place, `node-linux-${process.arch}@22`, node);
  const npm = join(node, "lib/node_modules/npm");
  unpack(place, "npm@10", npm);
  for (const name of ["npm", "npx"]) {
    chmodSync(join(npm, `bin/${name}-cli.js`), 0o755);
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(node, "bin", name));
  }
  await commit(run, { from: DEBIAN, files: node, to: "/usr/local", name: NODE });
}

async function commit(
  run: Run,
  image: { from: string; files: string; to: string; name: string },
): Promise<void> {
  const container = await run("buildah", "from", "--pull-never", image.from);
  await run("buildah", "copy", "--quiet", container, image.files, image.to);
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  await run("buildah", "config", "--env", path, container);
  await run("buildah", "commit", "--quiet", "--rm", container, image.name);
}

function unpack(place: string, name: string, to: string): void {
  const args = ["pack", "--silent", "--pack-destination", place, name];
  const archive = execFileSync("npm", args, { cwd: place, encoding: "utf8" }).trim();
  mkdirSync(to, { recursive: true });
  execFileSync("tar", ["-xzf", join(place, archive), "-C", to, "--strip-components=1"]);
}
