// Runs tests with every application on a PostgreSQL database of its own: `npm run test:postgres [-- <paths>]`, by default
// the wire suite. The server is started for the run and removed after it.
import { spawnSync } from "node:child_process";
import { TestPostgres } from "../test/support/postgres-server.ts";

const paths = process.argv.slice(2);
const server = await TestPostgres.start();
try {
  const { status } = spawnSync("npm", ["test", "--", ...(paths.length > 0 ? paths : ["test/wire"])], {
    stdio: "inherit",
    env: { ...process.env, TEST_POSTGRES_URL: server.url("postgres") },
  });
  process.exitCode = status ?? 1;
} finally {
  await server.stop();
}
