// What bin/countersign.js does, but with src/ instead of dist/: Node strips the types, and nothing stale is tested.
import { main } from "../../src/main.ts";
import { isOnPostgres, postgresSettingsIn } from "./test-database.ts";

const { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_DATABASE_URL: url } = process.env;
if (isOnPostgres && dataDir !== undefined && url === undefined) {
  const { COUNTERSIGN_SECRET_KEY_FILE: keyFile, ...settings } = await postgresSettingsIn(dataDir);
  const hasKey = process.env["COUNTERSIGN_SECRET_KEY"] !== undefined;
  const given = { ...settings, ...(!hasKey && { COUNTERSIGN_SECRET_KEY_FILE: keyFile }), ...process.env };
  Object.assign(process.env, given);
}

const exitCode = await main(process.argv.slice(2));
process.stdout.write("", () => process.exit(exitCode));
