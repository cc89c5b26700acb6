/** A wildcard address is reached under loopback names, and from everywhere else: it counts as not loopback. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startApplication } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observability/logger.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-wildcard-"));
});
afterEach(() => rm(folder, { recursive: true }));

function start(settings: Record<string, string>) {
  const loaded = loadConfig({ COUNTERSIGN_DATA_DIR: join(folder, "data"), ...settings }, {});
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  return startApplication(loaded.config, createLogger({ level: "silent", format: "json" }));
}

test.each(["0.0.0.0:0", "[::]:0"])("%s without SMTP is refused", async (address) => {
  await expect(start({ COUNTERSIGN_LISTEN: address })).rejects.toThrow("mail has nowhere to go");
});

test("the inbox of a wildcard listener asks for the admin token, whatever the Host header says", async () => {
  const application = await start({ COUNTERSIGN_LISTEN: "0.0.0.0:0", COUNTERSIGN_DEV_INBOX: "on" });
  try {
    const { status } = await fetch(`${application.url}/inbox?format=json`);
    expect(status).toBe(401);
  } finally {
    await application.stop();
  }
});
