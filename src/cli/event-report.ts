/** Events as people read them. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "../client/contract.ts";
import { printable, renderTable, timeText } from "./table.ts";

const HEADER = ["POSITION", "TIME", "TYPE", "OF", "NO.", "BY", "WHAT"];
/** Of the longest values of each, so that the lines of `tail` stand under each other. */
const TAIL_WIDTHS = [9, 23, 36, 20];

/** @param widthLimit as for `renderTable` */
export function renderEvents(events: readonly Event[], widthLimit: number | undefined): string {
  return renderTable(HEADER, events.map(cellsOf), widthLimit);
}

/** One line, without its end. */
export function eventLine(event: Event): string {
  return cellsOf(event)
    .map((cell, index) => printable(cell).padEnd(TAIL_WIDTHS[index] ?? 0))
    .join("  ")
    .trimEnd();
}

function cellsOf({ position, createTime, type, aggregate, editor, payload }: Event): string[] {
  return [
    String(position),
    timeText(createTime && timestampDate(createTime)),
    type,
    aggregate?.id ?? "",
    String(aggregate?.sequence ?? ""),
    editor?.id ?? "",
    Object.entries(payload ?? {})
      .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" "),
  ];
}
