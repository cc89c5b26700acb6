// `countersign backup` of a service under load, and a service that starts on the copy.
import { expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolders } from "../contract/temporary.ts";
import { runCommand } from "../support/command.ts";
import { ServerProcess } from "../support/spawned-server.ts";

jest.setTimeout(120_000);

const folderOf = temporaryFolders();
const CALLERS = 16;

class Service {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, dataDir: string) {
    this.#url = url;
    this.#token = readFileSync(join(dataDir, "admin.token"), "utf8").trim();
  }

  async call(path: string, body?: JsonObject): Promise<JsonObject> {
    const response = await fetch(this.#url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${this.#token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as JsonObject;
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  addUser(userId: string): Promise<JsonObject> {
    return this.call("/v2/users/human", {
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `${userId}@example.com`, returnCode: {} },
    });
  }

  /** The whole log, oldest first. */
  async events(): Promise<JsonObject[]> {
    const events: JsonObject[] = [];
    let pageToken = "";
    do {
      const page = await this.call(
        `/countersign/v1/events?oldest_first=true&page_size=1000&page_token=${encodeURIComponent(pageToken)}`,
      );
      events.push(...((page["events"] ?? []) as JsonObject[]));
      pageToken = (page["nextPageToken"] ?? "") as string;
    } while (pageToken !== "");
    return events;
  }
}

test("a service on the copy has every event up to one moment, all that was answered before among them", async () => {
  const dataDir = folderOf();
  const target = join(folderOf(), "copy.db");
  const server = new ServerProcess({ dataDir });
  const service = new Service(await server.ready(), dataDir);
  const answered: string[] = [];
  const end = new AbortController();
  const load = Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let count = 0; !end.signal.aborted; count++) {
        const userId = `user-${caller}-${count}`;
        await service.addUser(userId);
        answered.push(userId);
      }
    }),
  );
  while (answered.length < 500) await new Promise((resolve) => setTimeout(resolve, 10));

  const before = [...answered];
  const { code, stdout, stderr } = await runCommand(["backup", target], {
    env: { COUNTERSIGN_DATA_DIR: dataDir },
  });
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("checking the copy") });
  const meanwhile = answered.length - before.length;
  expect(meanwhile).toBeGreaterThan(0);
  end.abort();
  await load;
  const events = await service.events();
  await server.end("SIGTERM");

  const { lastPosition, ...told } = JSON.parse(stdout) as { lastPosition: number };
  expect(told).toEqual({ file: target, bytes: statSync(target).size, schemaVersion: expect.any(Number) });
  expect(lastPosition).toBeLessThan(events.length);

  // As docs/operations.md says.
  const restoredDir = join(folderOf(), "data");
  mkdirSync(restoredDir, { mode: 0o700 });
  copyFileSync(target, join(restoredDir, "countersign.db"));
  for (const name of ["secret.key", "admin.token"])
    copyFileSync(join(dataDir, name), join(restoredDir, name));
  const second = new ServerProcess({ dataDir: restoredDir });
  const restored = new Service(await second.ready(), restoredDir);
  try {
    expect(await restored.events()).toEqual(events.slice(0, lastPosition));
    const there = new Set((await restored.events()).map(({ aggregate }) => (aggregate as JsonObject)["id"]));
    expect(before.filter((userId) => !there.has(userId))).toEqual([]);
    await restored.addUser("after-the-restore");
  } finally {
    await second.end("SIGTERM");
  }
  expect(second.complaints).toBe("");
});

test("without a service too; for people in words; what cannot be done in one line", async () => {
  const dataDir = folderOf();
  const env = { COUNTERSIGN_DATA_DIR: dataDir };
  const target = join(folderOf(), "copy.db");
  const none = await runCommand(["backup", target], { env });
  expect(none).toMatchObject({ code: 1, stdout: "" });
  expect(none.stderr).toMatch(/^countersign: no backup was made: there is no database .*\n$/);

  const server = new ServerProcess({ dataDir });
  await server.ready();
  await server.end("SIGTERM");
  const done = await runCommand(["backup", target, "--no-json"], { env });
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toMatch(
    /copy\.db: \d+ KiB, checked, with all events up to position 3\.\nKeep the secret key/,
  );
  const again = await runCommand(["backup", target], { env });
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toMatch(/^countersign: no backup was made: .* is there already: .*\n$/);
  const nowhere = await runCommand(["backup", join(dataDir, "no", "copy.db")], { env });
  expect(nowhere.stderr).toMatch(/^countersign: no backup was made: cannot use .*no \(ENOENT\)\n$/);
  expect((await runCommand(["backup"], { env })).code).toBe(2);
  expect((await runCommand(["backup", "x"], { env: { COUNTERSIGN_DATABASE_URL: "mysql:x" } })).code).toBe(2);
  expect(existsSync(join(dataDir, "no"))).toBe(false);
});
