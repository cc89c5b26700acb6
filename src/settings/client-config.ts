/** Environment and flags -> how a command finds the service that it calls. */
import { join } from "node:path";
import type { Secret } from "../observability/secret.ts";
import { CLIENT_SETTINGS } from "./client-settings.ts";
import type { ListenAddress } from "./config-types.ts";
import { givenText, type Sources, type Texts } from "./given-text.ts";
import { readSetting } from "./read-setting.ts";
import { SERVER_SETTINGS } from "./server-settings.ts";
import { flagOf, variableOf, type Setting } from "./setting.ts";

/** How a command finds the service that it calls. */
export interface ClientConfig {
  /** Origin of the service, without a trailing slash. */
  readonly url: string;
  /** The token itself, where a variable holds it. */
  readonly token: Secret | undefined;
  /** Where the token is, where no variable holds it. */
  readonly tokenFile: string;
}

export type ClientConfigResult =
  | { readonly ok: true; readonly config: ClientConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads only what a caller needs: the service's other settings may be none of the caller's business, or out of its reach.
 *
 * @param env the variables of the process
 * @param flags values of `clientSettingFlags` under their names in camel case
 */
export function loadClientConfig(env: Texts, flags: Texts = {}): ClientConfigResult {
  const sources: Sources = { env, flags };
  const problems: string[] = [];
  function read<T>(setting: Setting<T>): T | undefined {
    const reading = readSetting(setting, sources);
    problems.push(...reading.problems);
    return reading.value;
  }
  const url = read(CLIENT_SETTINGS.url) ?? localUrl(read(SERVER_SETTINGS.listen), env);
  const tokenFile = read(CLIENT_SETTINGS.tokenFile);
  const token = tokenFile === undefined ? read(SERVER_SETTINGS.adminToken) : undefined;
  const dataDir = read(SERVER_SETTINGS.dataDir) ?? "";
  if (url === undefined && problems.length === 0) {
    const setting = CLIENT_SETTINGS.url;
    problems.push(
      `${variableOf(setting)}: is not set, and ${variableOf(SERVER_SETTINGS.listen)} has port 0, which does not tell ` +
        `where the service is; example: ${flagOf(setting)} ${setting.example}`,
    );
  }
  if (url === undefined || problems.length > 0) return { ok: false, problems };
  return { ok: true, config: { url, token, tokenFile: tokenFile ?? join(dataDir, "admin.token") } };
}

/** Where a service on this machine answers that has the same environment. */
function localUrl(listen: ListenAddress | undefined, env: Texts): string | undefined {
  if (listen === undefined || listen.port === 0) return undefined;
  const isTls = givenText(SERVER_SETTINGS.tlsCert, { env, flags: {} }) !== undefined;
  // A listener on all addresses of the machine is on its loopback too.
  const anyAddress: Texts = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = anyAddress[listen.host] ?? listen.host;
  return `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${listen.port}`;
}
