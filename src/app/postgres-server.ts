/** How a PostgreSQL server is reached: from its address in the settings. */
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import type { PostgresAddress } from "../config.ts";
import type { PostgresServer } from "../store/postgres/options.ts";
import { urlHost } from "./listening-host.ts";

/** What people are told of it: without its password. */
export function postgresName({ user, host, port, database }: PostgresAddress): string {
  return `postgres://${encodeURIComponent(user)}@${urlHost(host)}:${port}/${encodeURIComponent(database)}`;
}

/** @throws Error where the file of its authority cannot be read */
export async function postgresServer(address: PostgresAddress): Promise<PostgresServer> {
  const { host, port, database, user, password } = address;
  const tls = await tlsOptions(address);
  return {
    host,
    port,
    database,
    user,
    ...(password !== undefined && { password: password.reveal() }),
    ...(tls !== undefined && { tls }),
  };
}

/** What libpq means by its modes, in Node's words. */
async function tlsOptions({
  tls: { mode, rootCertificateFile },
}: PostgresAddress): Promise<ConnectionOptions | undefined> {
  if (mode === "disable") return undefined;
  return {
    rejectUnauthorized: mode !== "require",
    ...(rootCertificateFile !== undefined && { ca: await readFile(rootCertificateFile, "utf8") }),
    ...(mode === "verify-ca" && { checkServerIdentity: () => undefined }),
  };
}
