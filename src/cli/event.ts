/** `countersign event`: what happened, looked up or followed as it happens. */
import type { Command } from "commander";
import type { ListFlags, TailFlags } from "./event-commands.ts";
import { addServiceOptions } from "./service-options.ts";
import { several, timeOrAgo, wholeNumber } from "./values.ts";

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;

export interface EventContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds `event list` and `event tail`. */
export function defineEvent(program: Command, context: EventContext): void {
  const event = program.command("event").description("Look events up, or follow them as they come.");
  defineList(event, context);
  defineTail(event, context);
}

function defineList(event: Command, context: EventContext): void {
  const list = addFilters(
    event.command("list").description("List events, newest first. All filters hold at once."),
  )
    .option(
      "--since <time>",
      "events since: 30m, 12h, 7d ago, or a time such as 2026-11-22T14:00Z",
      timeOrAgo,
    )
    .option("--before <time>", "events before, likewise", timeOrAgo)
    .option("--after <position>", "events beyond a position", position)
    .option("--oldest-first", "the other way round")
    .option(
      "--limit <count>",
      `how many at most, up to ${MAX_LIST_LIMIT} (default: ${DEFAULT_LIST_LIMIT})`,
      wholeNumber(1, MAX_LIST_LIMIT),
    );
  addServiceOptions(list).action(async (flags: Omit<ListFlags, "limit"> & { limit?: number }) => {
    // Loaded here, so that other commands do not wait for it.
    const { listEvents } = await import("./event-commands.ts");
    context.end(await listEvents({ ...flags, limit: flags.limit ?? DEFAULT_LIST_LIMIT }));
  });
}

function defineTail(event: Command, context: EventContext): void {
  const tail = addFilters(
    event
      .command("tail")
      .description(
        "Print events as they come, one a line, until Ctrl-C. Goes on by itself where a break of the connection or a restart of the service ended it.",
      ),
  )
    .option(
      "--after <position>",
      "begin beyond this position; 0: with the first event (default: what comes from now on)",
      position,
    )
    .option("--count <count>", "end after so many events", wholeNumber(1, Number.MAX_SAFE_INTEGER));
  addServiceOptions(tail).action(async (flags: TailFlags) => {
    const { tailEvents } = await import("./event-commands.ts");
    context.end(await tailEvents(flags));
  });
}

function addFilters(command: Command): Command {
  return command
    .option("--user <id>", "events of a user or a service account")
    .option("--type <type>", "events of a type, such as user.locked; may be given several times", several)
    .option("--organization <id>", "events of an organization (default: all that the token may read)");
}

const position = wholeNumber(0, Number.MAX_SAFE_INTEGER);
