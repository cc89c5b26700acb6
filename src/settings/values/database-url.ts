/** Which database: `sqlite:<path>`, or `postgres://user:password@host:port/database`. */
import { parsePath } from "./file-path.ts";
import { Fault, parsed } from "./parsed.ts";
import { parsePostgresUrl, type PostgresAddress } from "./postgres-url.ts";

export type DatabaseLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly address: PostgresAddress };

export const databaseUrl = parsed(parseDatabaseUrl);

/** @returns where it is, or what is wrong with the text, in words that follow its name */
export function parseDatabaseUrl(text: string): DatabaseLocation | Fault {
  if (/^postgres(?:ql)?:/i.test(text)) {
    const address = parsePostgresUrl(text);
    return address instanceof Fault ? address : { kind: "postgres", address };
  }
  const path = parseSqliteUrl(text);
  return path instanceof Fault ? path : { kind: "sqlite", path };
}

function parseSqliteUrl(text: string): string | Fault {
  const [, rest] = /^sqlite:(.*)$/is.exec(text) ?? [];
  if (rest === undefined)
    return new Fault("is neither sqlite:<path> nor postgres://user:password@host/database");
  // sqlite:///var/lib/x.db is how many tools spell the absolute path; sqlite://x.db would have a host.
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path.startsWith("//")) return new Fault("has no path after sqlite:");
  if (path === ":memory:") return new Fault("is a database in memory, which cannot keep what it accepted");
  if (path.includes("?")) return new Fault("has options: only a path is wanted");
  return parsePath(path);
}
