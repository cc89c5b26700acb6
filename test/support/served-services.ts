/** The services of the contract that are served; health and reflection are beside it. */
import type { DescService } from "@bufbuild/protobuf";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";

export const SERVED_SERVICES: readonly DescService[] = [
  UserService,
  VerificationService,
  DeliveryService,
  InboxService,
  EventService,
  OrganizationService,
  AccessService,
];
