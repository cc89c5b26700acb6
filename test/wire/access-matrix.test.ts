// Every call that is served x every role x own and other organization and user, over the wire, against the table that
// access-matrix/table.ts has written down by hand.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { hasOption, toJson, type DescMethod, type DescService, type JsonObject } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { fromBinary } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  EventService,
  WatchEventsRequestSchema,
  WatchEventsResponseSchema,
} from "../../gen/countersign/v1/event_service_pb.ts";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Refused } from "../support/delivery-clients.ts";
import { at } from "../support/wire-formats.ts";
import { CALLS, type Trial } from "./access-matrix/calls.ts";
import { CALLERS, GONE, readTable, WORDS, type CallerName, type CellWord, type TargetName } from "./access-matrix/table.ts";
import { OTHER, OWN, SERVICES, World, type Caller } from "./access-matrix/world.ts";
