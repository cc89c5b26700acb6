/** The messages that clients read and write, under one name. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListDeliveriesRequestSchema } from "../../gen/countersign/v1/delivery_service_pb.ts";
import type { ListEventsRequestSchema } from "../../gen/countersign/v1/event_service_pb.ts";
import type { OrganizationSettingsChangeSchema } from "../../gen/countersign/v1/organization_service_pb.ts";
import type { AddHumanUserRequestSchema } from "../../gen/zitadel/user/v2/create_user_pb.ts";

export {
  AccessTokenSchema,
  ServiceAccountSchema,
  ServiceAccountState,
  type AccessToken,
  type RoleGrant,
  type ServiceAccount,
} from "../../gen/countersign/v1/access_pb.ts";
export { CreateAccessTokenResponseSchema } from "../../gen/countersign/v1/access_service_pb.ts";
export { OrganizationSchema, type Organization } from "../../gen/countersign/v1/organization_pb.ts";
export {
  DeliveryKind,
  DeliverySchema,
  DeliveryState,
  RelayOutcome,
  type Delivery,
  type RelayReply,
  type TimelineEntry,
} from "../../gen/countersign/v1/delivery_pb.ts";
export { EventSchema, type Event } from "../../gen/countersign/v1/event_pb.ts";
export { EmailStatusSchema, type EmailStatus } from "../../gen/countersign/v1/verification_service_pb.ts";
export { TextQueryMethod } from "../../gen/zitadel/object/v2/object_pb.ts";
export { AddHumanUserResponseSchema } from "../../gen/zitadel/user/v2/create_user_pb.ts";
export { Gender, UserSchema, UserState, type User } from "../../gen/zitadel/user/v2/user_pb.ts";

/** What AddHumanUser takes. */
export type NewUser = MessageInitShape<typeof AddHumanUserRequestSchema>;

/** What UpdateOrganizationSettings takes. */
export type SettingsChange = MessageInitShape<typeof OrganizationSettingsChangeSchema>;

/** What ListDeliveries takes. */
export type DeliveryQuery = MessageInitShape<typeof ListDeliveriesRequestSchema>;

/** What ListEvents takes. */
export type EventQuery = MessageInitShape<typeof ListEventsRequestSchema>;
