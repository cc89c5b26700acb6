/** Every service that is served. */
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { createAccessService, type AccessServiceOptions } from "./access-service.ts";
import { createDeliveryService, type DeliveryServiceOptions } from "./delivery-service.ts";
import { createEventService, type EventServiceOptions } from "./event-service.ts";
import { createInboxService, type InboxServiceOptions } from "./inbox-service.ts";
import { createOrganizationService, type OrganizationServiceOptions } from "./organization-service.ts";
import { ServiceTable } from "./service-table.ts";
import { createUserService, type UserServiceOptions } from "./user-service.ts";
import { createVerificationService, type VerificationServiceOptions } from "./verification-service.ts";

export function createServices(
  options: UserServiceOptions &
    VerificationServiceOptions &
    DeliveryServiceOptions &
    InboxServiceOptions &
    EventServiceOptions &
    OrganizationServiceOptions &
    AccessServiceOptions,
): ServiceTable {
  return new ServiceTable()
    .add(UserService, createUserService(options))
    .add(VerificationService, createVerificationService(options))
    .add(DeliveryService, createDeliveryService(options))
    .add(InboxService, createInboxService(options))
    .add(EventService, createEventService(options))
    .add(OrganizationService, createOrganizationService(options))
    .add(AccessService, createAccessService(options));
}
