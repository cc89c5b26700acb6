/**
 * A whole application, durable, with the settings of its environment and so many users: `node limits-server.ts 1000`.
 * Says where it listens, the admin's token and the id of its account, and answers each line on stdin with the CPU time it has used; ends when stdin does.
 */
import Database from "better-sqlite3";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { startApplication } from "../src/app.ts";
import { loadConfig } from "../src/config.ts";

const IN_FLIGHT = 50;

const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const loaded = loadConfig({
  ...process.env,
  COUNTERSIGN_LISTEN: "127.0.0.1:0",
  COUNTERSIGN_DATA_DIR: folder,
});
if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
// As in production, but into a file of no size.
const destination = pino.destination({ dest: "/dev/null", sync: false, minLength: 4096, periodicFlush: 100 });
const application = await startApplication(loaded.config, pino({ level: "info" }, destination));
const token = readFileSync(application.adminTokenPath ?? "", "utf8").trim();

const users = Number(process.argv[2] ?? 1_000);
for (let first = 0; first < users; first += IN_FLIGHT) {
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, users - first) }, (_, n) => addUser(first + n)));
}
console.log(JSON.stringify({ port: Number(new URL(application.url).port), token, adminId: readAdminId() }));

process.stdin.on("data", () => {
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ cpuMicroseconds: user + system }));
});
process.stdin.on("end", () => {
  void application.stop().then(() => {
    rmSync(folder, { recursive: true });
    return process.exit();
  });
});

function readAdminId(): string {
  const database = new Database(join(folder, "countersign.db"), { readonly: true });
  const row = database.prepare("SELECT value FROM metadata WHERE key = 'bootstrap'").get() as {
    value: string;
  };
  database.close();
  return (JSON.parse(row.value) as { serviceAccountId: string }).serviceAccountId;
}

async function addUser(n: number): Promise<void> {
  const userId = `user${String(n).padStart(4, "0")}`;
  const answer = await fetch(`${application.url}/v2/users/human`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      userId,
      profile: { givenName: "Bench", familyName: "Mark" },
      email: { email: `${userId}@example.com`, isVerified: false },
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}
