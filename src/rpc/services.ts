/** Every service that is served. */
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { ServiceTable } from "./service-table.ts";
import { createUserService, type UserServiceOptions } from "./user-service.ts";

export function createServices(options: UserServiceOptions): ServiceTable {
  return new ServiceTable().add(UserService, createUserService(options));
}
