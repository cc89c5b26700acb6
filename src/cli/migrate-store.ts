/** `countersign migrate-store`: from SQLite to PostgreSQL. */
import type { Command } from "commander";
import { EXIT_USAGE } from "./exit-codes.ts";
import type { MigrateStoreFlags } from "./migrate-store-command.ts";

export interface MigrateStoreContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds the command. */
export function defineMigrateStore(program: Command, context: MigrateStoreContext): void {
  program
    .command("migrate-store")
    .description(
      "Move everything from a SQLite database, which no service may have open, to an empty PostgreSQL database; then compare each row. May be stopped, and goes on where it was.",
    )
    .requiredOption("--from <url>", "sqlite:<path>")
    .option(
      "--to <url>",
      "postgres://user:password@host/database (default: COUNTERSIGN_DATABASE_URL, which keeps the password from others' eyes)",
    )
    .action(async (flags: MigrateStoreFlags) => {
      const to = flags.to ?? process.env["COUNTERSIGN_DATABASE_URL"];
      if (to === undefined) {
        process.stderr.write("--to or COUNTERSIGN_DATABASE_URL has to say where to move to\n");
        context.end(EXIT_USAGE);
        return;
      }
      // Loaded here, so that other commands do not wait for it.
      const { migrateStoreCommand } = await import("./migrate-store-command.ts");
      context.end(await migrateStoreCommand({ ...flags, to }));
    });
}
