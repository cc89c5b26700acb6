/** The messages that clients read and write, under one name. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListDeliveriesRequestSchema } from "../../gen/countersign/v1/delivery_service_pb.ts";
import type { AddHumanUserRequestSchema } from "../../gen/zitadel/user/v2/create_user_pb.ts";

export {
  DeliveryKind,
  DeliverySchema,
  DeliveryState,
  RelayOutcome,
  type Delivery,
  type RelayReply,
  type TimelineEntry,
} from "../../gen/countersign/v1/delivery_pb.ts";
export { TextQueryMethod } from "../../gen/zitadel/object/v2/object_pb.ts";
export { AddHumanUserResponseSchema } from "../../gen/zitadel/user/v2/create_user_pb.ts";
export { Gender, UserSchema, UserState, type User } from "../../gen/zitadel/user/v2/user_pb.ts";

/** What AddHumanUser takes. */
export type NewUser = MessageInitShape<typeof AddHumanUserRequestSchema>;

/** What ListDeliveries takes. */
export type DeliveryQuery = MessageInitShape<typeof ListDeliveriesRequestSchema>;
