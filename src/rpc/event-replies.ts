/** From the store's events to messages of countersign.v1. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { EventSchema } from "../../gen/countersign/v1/event_pb.ts";
import type { RecordedEvent } from "../store/store.ts";
import { shownPayload } from "./event-payloads.ts";

export function wireEvent(event: RecordedEvent): MessageInitShape<typeof EventSchema> {
  const {
    position,
    type,
    createdAtMs,
    aggregateType,
    aggregateId,
    organizationId,
    sequence,
    editor,
    origin,
  } = event;
  return {
    position: BigInt(position),
    type,
    createTime: timestampFromMs(createdAtMs),
    aggregate: { type: aggregateType, id: aggregateId, organizationId, sequence: BigInt(sequence) },
    editor: { id: editor },
    ...(origin !== undefined && {
      origin: { requestId: origin.requestId ?? "", clientIp: origin.clientAddress ?? "" },
    }),
    payload: shownPayload(type, event.payload),
  };
}
