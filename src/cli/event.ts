/** `countersign event`: what happened, looked up or followed as it happens. */
import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { limitOption, runOnService } from "./service-command.ts";
import { several, timeOrAgo, wholeNumber } from "./values.ts";

const commands = () => import("./event-commands.ts");

/** Adds `event list` and `event tail`. */
export function defineEvent(program: Command, context: CommandContext): void {
  const event = program.command("event").description("Look events up, or follow them as they come.");
  defineList(event, context);
  defineTail(event, context);
}

function defineList(event: Command, context: CommandContext): void {
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
    .addOption(limitOption());
  runOnService(list, context, async () => (await commands()).listEvents);
}

function defineTail(event: Command, context: CommandContext): void {
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
  runOnService(tail, context, async () => (await commands()).tailEvents);
}

function addFilters(command: Command): Command {
  return command
    .option("--user <id>", "events of a user or a service account")
    .option("--type <type>", "events of a type, such as user.locked; may be given several times", several)
    .option("--organization <id>", "events of an organization (default: all that the token may read)");
}

const position = wholeNumber(0, Number.MAX_SAFE_INTEGER);
