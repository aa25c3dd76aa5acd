import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { freePort } from "@thicket/storage/testing";
import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCaddy } from "./testing/find-caddy.ts";
import { signUp, until } from "./testing/person.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";

const DEPLOY = join(import.meta.dirname, "../../../deploy");
const CADDY = findCaddy();

describe.skipIf(CADDY === undefined)("behind Caddy, by the example's own configuration", () => {
  const directory = mkdtempSync(join(tmpdir(), "thicket-caddy-"));
  let relay: RelayProcess;
  let caddy: ChildProcess;
  let url: string;
  let said = "";

  beforeAll(async () => {
    const port = await freePort();
    url = `https://localhost:${port}`;
    relay = await createRelayProcess({ THICKET_ORIGIN: url });
    await relay.start();
    // As deployed, but for the name, its certificate and the ports.
    const example = readFileSync(join(DEPLOY, "Caddyfile"), "utf8");
    const site = example
      .replace("chat.example.org {", `${url} {\n\ttls internal`)
      .replace("127.0.0.1:8080 {", `127.0.0.1:${relay.port} {`);
    const file = join(directory, "Caddyfile");
    writeFileSync(
      file,
      `{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n${site}`,
    );
    const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
    caddy = spawn(CADDY ?? "", ["run", "--config", file, "--adapter", "caddyfile"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    caddy.stderr?.on("data", (chunk) => (said += String(chunk)));
    const root = join(directory, "caddy/pki/authorities/local/root.crt");
    await until(() => existsSync(root) || caddy.exitCode !== null);
    expect(caddy.exitCode, said).toBeNull();
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(root, "utf8")]);
    await until(async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.ok);
  });
  afterAll(async () => {
    const ended = once(caddy, "exit");
    caddy.kill("SIGKILL");
    await ended;
    await relay.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  it("[DEPLOY-1] people sign up, log in and write over wss, and pages come with HSTS", async () => {
    const alice = await signUp(url, "alice");
    const connection = await alice.openDelivery();
    const group = scriptGroup(connection.operations, seededRandom(1));
    expect(await group.create()).toMatchObject({ ok: true });
    await group.attach(group.founder, group.first.epochToken);
    expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true, seq: 1 });
    await until(() => connection.events.entries.length > 0);
    connection.close();
    const page = await fetch(`${url}/`);
    expect(page.headers.get("strict-transport-security")).toMatch(/max-age=\d{8}/);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});

describe("the systemd unit", () => {
  it("[DEPLOY-2] is one, and exposes little of the machine", () => {
    const unit = join(DEPLOY, "thicket.service");
    const lines = readFileSync(unit, "utf8").split("\n");
    for (const line of [
      "DynamicUser=yes",
      "StateDirectory=thicket",
      "ProtectSystem=strict",
      "NoNewPrivileges=yes",
      "CapabilityBoundingSet=",
      "PrivateDevices=yes",
    ]) {
      expect(lines).toContain(line);
    }
    // Where there is no systemd, that is all that can be looked at.
    if (spawnSync("systemd-analyze", ["--version"]).status !== 0) return;
    const verified = spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
    // Where nothing is in /opt/thicket, that is said and nothing else.
    const complaints = verified.stderr
      .split("\n")
      .filter((line) => line !== "" && !line.includes("not executable"));
    expect(complaints).toEqual([]);
    const security = spawnSync("systemd-analyze", ["security", "--offline=true", "--threshold=20", unit], {
      encoding: "utf8",
    });
    expect(security.status, security.stdout.slice(-200)).toBe(0);
  });
});

describe("the Dockerfile", () => {
  it("[DEPLOY-3] copies what is there and starts what the unit starts", () => {
    const dockerfile = readFileSync(join(DEPLOY, "Dockerfile"), "utf8");
    const unit = readFileSync(join(DEPLOY, "thicket.service"), "utf8");
    const [, command] = /^ExecStart=(.+)$/m.exec(unit) ?? [];
    const [, entry] = /^ENTRYPOINT (.+)$/m.exec(dockerfile) ?? [];
    expect(JSON.parse(entry ?? "[]")).toEqual(command?.split(" "));
    const root = join(DEPLOY, "..");
    const [node = "", main = ""] = command?.replace("/opt/thicket/", "").split(" ") ?? [];
    expect(existsSync(join(root, node)) && existsSync(join(root, main))).toBe(true);
    // Its steps, outside a container: the relay answers by that very command.
    const help = spawnSync(join(root, node), [main, "--help"], { cwd: root, encoding: "utf8" });
    expect(help.stdout).toContain("THICKET_ORIGIN");
  });
});
