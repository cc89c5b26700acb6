// What bin/countersign.js does, but with src/ instead of dist/: Node strips the types, and nothing stale is tested.
import { main } from "../../src/main.ts";
import { isOnPostgres, postgresSettingsIn } from "./test-database.ts";

const { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_DATABASE_URL: url } = process.env;
if (isOnPostgres && dataDir !== undefined && url === undefined) {
  Object.assign(process.env, await postgresSettingsIn(dataDir), process.env);
}

const exitCode = await main(process.argv.slice(2));
process.stdout.write("", () => process.exit(exitCode));
