/** `countersign event list` and `tail`. */
import { once } from "node:events";
import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { EventSchema, type EventQuery } from "../client/contract.ts";
import { followEvents, type WatchQuery } from "../client/follow-events.ts";
import { allPages, noteOnList } from "./all-pages.ts";
import { eventLine, renderEvents } from "./event-report.ts";
import { EXIT_OK, SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { watchInterrupts } from "./import/interrupts.ts";
import { explain, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { writeJson } from "./write-json.ts";

interface FilterFlags extends ServiceFlags {
  readonly user?: string;
  readonly type?: readonly string[];
  readonly organization?: string;
  /** A position. */
  readonly after?: number;
}

/** Of `event list`. */
export interface ListFlags extends FilterFlags {
  readonly since?: Date;
  readonly before?: Date;
  readonly oldestFirst?: true;
  readonly limit: number;
}

/** Of `event tail`. */
export interface TailFlags extends FilterFlags {
  readonly count?: number;
}

/** @returns the exit code: 0 */
export function listEvents(flags: ListFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const query = listQueryOf(flags);
    const { items: events, hasMore } = await allPages(flags.limit, async (page) => {
      const answer = await client.events.listEvents({ ...query, ...page });
      return { items: answer.events, nextPageToken: answer.nextPageToken };
    });
    if (flags.json === true) writeJson({ events: events.map((event) => toJson(EventSchema, event)) });
    else if (events.length > 0) process.stdout.write(renderEvents(events, process.stdout.columns));
    if (flags.json !== true || hasMore) noteOnList("event", events.length, hasMore);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0 after `--count` events, 130 or 143 after a signal */
export function tailEvents(flags: TailFlags): Promise<number> {
  const { json, count = Infinity, after } = flags;
  const interrupts = watchInterrupts();
  const { signal } = interrupts;
  return withService(flags, async ({ url, client }) => {
    const query: WatchQuery = {
      ...filterOf(flags),
      ...(after !== undefined && { afterPosition: BigInt(after) }),
    };
    const onBreak = (failure: Parameters<typeof explain>[0], position: bigint) =>
      void process.stderr.write(`note: ${explain(failure, url)}; going on after position ${position}\n`);
    let left = count;
    for await (const event of followEvents(client, query, { signal, onBreak })) {
      const line = json === true ? JSON.stringify(toJson(EventSchema, event)) : eventLine(event);
      // What the reader does not take is not asked for.
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
      left -= 1;
      if (left === 0) return EXIT_OK;
    }
    return interrupts.received === undefined ? EXIT_OK : SIGNAL_EXIT_CODES[interrupts.received];
  }).finally(() => interrupts.unwatch());
}

function filterOf({ user, type, organization }: FilterFlags) {
  return {
    ...(user !== undefined && { userId: user }),
    ...(type !== undefined && { types: [...type] }),
    ...(organization !== undefined && { organizationId: organization }),
  };
}

function listQueryOf({ after, since, before, oldestFirst, ...flags }: ListFlags): EventQuery {
  return {
    ...filterOf(flags),
    ...(after !== undefined && { afterPosition: BigInt(after) }),
    ...(since !== undefined && { createdFrom: timestampFromDate(since) }),
    ...(before !== undefined && { createdBefore: timestampFromDate(before) }),
    ...(oldestFirst === true && { oldestFirst }),
  };
}
