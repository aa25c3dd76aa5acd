import { examineAuthentication } from "@thicket/authentication-service";
import { examineDelivery } from "@thicket/delivery-service";
import type { Finding } from "@thicket/storage";
import type { Config } from "./config.ts";
import { locateDatabases } from "./locate-databases.ts";

/**
 * `relay doctor`: checks both databases and the AS key and changes nothing, also while a relay runs. Writes each
 * finding as `CODE: sentence`. -> the exit status: 0 where nothing was found.
 */
export async function runDoctor(config: Config, write: (line: string) => void): Promise<number> {
  const { delivery, authentication } = locateDatabases(config);
  const findings: Finding[] = [
    ...(await examineDelivery(delivery)),
    ...(await examineAuthentication(authentication, config.asKeyFile)),
  ];
  for (const { code, sentence } of findings) write(`${code}: ${sentence}\n`);
  write(findings.length === 0 ? "Nothing is wrong.\n" : `${findings.length} findings.\n`);
  return findings.length === 0 ? 0 : 1;
}
