/** What every gRPC server offers beside its own services: health and reflection. */
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { file_zitadel_message } from "../../gen/zitadel/message_pb.ts";
import { createHealthService } from "./health-service.ts";
import type { Readiness } from "./readiness.ts";
import { addReflection } from "./reflection-service.ts";

/** Files of the error details; no method refers to them. */
const DETAIL_FILES = [file_google_rpc_error_details, file_zitadel_message];

export function addInfrastructure(
  router: ConnectRouter,
  services: readonly DescService[],
  readiness: Readiness,
): void {
  router.service(
    Health,
    createHealthService({ services: services.map(({ typeName }) => typeName), readiness }),
  );
  addReflection(router, [...services, Health], DETAIL_FILES);
}
