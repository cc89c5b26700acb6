/** Which database: `sqlite:<path>`. */
import { parsePath } from "./file-path.ts";
import { Fault, parsed } from "./parsed.ts";

/** As a value, the path of the file. */
export const databaseUrl = parsed(parseDatabaseUrl);

function parseDatabaseUrl(text: string): string | Fault {
  if (/^postgres(?:ql)?:/i.test(text))
    return new Fault("is a PostgreSQL URL, and this version serves SQLite only");
  const [, rest] = /^sqlite:(.*)$/is.exec(text) ?? [];
  if (rest === undefined) return new Fault("is not sqlite:<path>");
  // sqlite:///var/lib/x.db is how many tools spell the absolute path; sqlite://x.db would have a host.
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path.startsWith("//")) return new Fault("has no path after sqlite:");
  if (path === ":memory:") return new Fault("is a database in memory, which cannot keep what it accepted");
  if (path.includes("?")) return new Fault("has options: only a path is wanted");
  return parsePath(path);
}
