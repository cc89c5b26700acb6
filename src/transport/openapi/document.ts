/** The OpenAPI 3.1 document of the REST side, made from the descriptors that the service itself obeys. */
import type { DescService, JsonObject } from "@bufbuild/protobuf";
import { describeAccess } from "../../rpc/chain.ts";
import { RouteTable } from "../http-rules.ts";
import { addErrorSchemas, errorComponents } from "./errors.ts";
import { describePaths, headerComponents, parameterComponents } from "./operations.ts";
import { described, SchemaCatalogue } from "./schemas.ts";

const ABOUT = `Countersign proves that a person controls an e-mail address: it sends or returns a code, and takes it back.

Every call carries \`Authorization: Bearer <token>\`, but for those that say they work without one. An empty body counts as
\`{}\`, unknown fields are ignored, and fields that hold nothing are left out of answers. Refusals are \`google.rpc.Status\`;
an unknown path is 404 and an unknown method 405 in that shape too.

The same calls, and those without a path of their own, are served over gRPC, gRPC-Web and Connect at
\`/<service>/<method>\`, such as \`/zitadel.user.v2.UserService/SendEmailCode\`; the paths below take gRPC and gRPC-Web as well.`;

/** @param version of the package */
export function createOpenApiDocument(services: readonly DescService[], version: string): JsonObject {
  const schemas = new SchemaCatalogue();
  const { routes } = new RouteTable(services);
  const paths = describePaths(routes, {
    schemas,
    isOpen: ({ method }) => describeAccess(method).anonymous === "allowed",
  });
  return {
    openapi: "3.1.0",
    info: {
      title: "Countersign",
      version,
      summary: "E-mail verification as a service.",
      description: ABOUT,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    tags: services.map(({ name, typeName }) => ({ name, ...described(typeName) })),
    paths,
    components: {
      schemas: addErrorSchemas(schemas),
      responses: errorComponents(),
      parameters: parameterComponents,
      headers: headerComponents,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A service account's access token; the first start writes the admin's to `data/admin.token`.",
        },
      },
    },
  };
}
