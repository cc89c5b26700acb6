/** Where a PostgreSQL database is: the URL as libpq has it, with as many of its parameters as mean something here. */
import { isIP } from "node:net";
import { Secret } from "../../observability/secret.ts";
import { isHost } from "../../verification/host-name.ts";
import type { PostgresConfig, PostgresTls } from "../config-types.ts";
import { Fault } from "./parsed.ts";
import { readText } from "./read-text.ts";

export type PostgresAddress = Pick<
  PostgresConfig,
  "host" | "port" | "database" | "user" | "password" | "tls"
>;

const DEFAULT_PORT = 5432;
const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"] as const;

export function parsePostgresUrl(text: string): PostgresAddress | Fault {
  const url = URL.parse(text);
  if (url === null || !/^postgres(?:ql)?:\/\//i.test(text)) {
    return new Fault("is not postgres://user:password@host:port/database");
  }
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(percentDecoded);
  if (user === undefined || password === undefined || database === undefined) {
    return new Fault("has a percent sign that begins no percent-encoding (a percent sign itself is %25)");
  }
  // URL leaves hosts of schemes that it does not know as they are, brackets and all.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "" || (isIP(host) === 0 && !isHost(host))) return new Fault("has no host name or IP address");
  if (user === "") return new Fault("has no user name");
  if (database === "" || database.includes("/")) return new Fault("has no name of a database after its host");
  const tls = parseTls(url.searchParams);
  if (tls instanceof Fault) return tls;
  return {
    host,
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    database,
    user,
    password: password === "" ? undefined : new Secret(password),
    tls,
  };
}

function parseTls(parameters: URLSearchParams): PostgresTls | Fault {
  let mode: PostgresTls["mode"] = "disable";
  let rootCertificateFile: string | undefined;
  for (const [name, value] of parameters) {
    const wanted = TLS_MODES.find((each) => each === value);
    if (name === "sslmode" && wanted !== undefined) mode = wanted;
    else if (name === "sslmode") return new Fault(`has an sslmode other than ${TLS_MODES.join(", ")}`);
    else if (name === "sslrootcert" && value !== "") rootCertificateFile = value;
    else return new Fault("has a parameter other than sslmode and sslrootcert");
  }
  if (rootCertificateFile !== undefined) {
    if (mode === "disable") return new Fault("has sslrootcert without an sslmode that uses it");
    const content = readText(rootCertificateFile);
    if (content instanceof Fault) return content;
  }
  return { mode, rootCertificateFile };
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
