/** Errors on REST paths: google.rpc.Status as JSON, with the HTTP status that grpc-gateway gives each code. */
import { create, toJson, type DescMessage, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";

const HTTP_STATUS: Record<Code, number> = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

export function httpStatusOf(code: Code): number {
  return HTTP_STATUS[code];
}

/** As protojson prints it: details only where there are some, each with its `@type`. */
export function statusJson(error: ConnectError): JsonObject {
  const details = error.details.flatMap((detail) => ("desc" in detail ? [detailJson(detail)] : []));
  return { code: error.code, message: error.rawMessage, ...(details.length > 0 && { details }) };
}

function detailJson({
  desc,
  value,
}: {
  desc: DescMessage;
  value: MessageInitShape<DescMessage>;
}): JsonObject {
  const json = toJson(desc, create(desc, value)) as JsonObject;
  return { "@type": `type.googleapis.com/${desc.typeName}`, ...json };
}
