/** The unary methods that are served, by descriptor, so that every wire format reaches the same function. */
import type { DescMessage, DescMethodUnary, DescService } from "@bufbuild/protobuf";
import type { UnaryHandler } from "./call.ts";

/** The unary methods of a service as plain functions of (request, call). */
export type UnaryService<Service extends DescService> = {
  readonly [Method in keyof Service["method"]]: UnaryHandler<
    Service["method"][Method]["input"],
    Service["method"][Method]["output"]
  >;
};

export type AnyUnaryHandler = UnaryHandler<DescMessage, DescMessage>;

export class ServiceTable {
  readonly #handlers = new Map<string, AnyUnaryHandler>();
  readonly #services: DescService[] = [];

  add<Service extends DescService>(service: Service, methods: UnaryService<Service>): this {
    this.#services.push(service);
    for (const method of service.methods) {
      const handler = methods[method.localName as keyof Service["method"]];
      // The table only ever pairs a handler with messages of its own method.
      this.#handlers.set(nameOf(method as DescMethodUnary), handler as unknown as AnyUnaryHandler);
    }
    return this;
  }

  get services(): readonly DescService[] {
    return this.#services;
  }

  get methods(): readonly DescMethodUnary[] {
    // `add` takes unary services only.
    return this.#services.flatMap((service) => service.methods as DescMethodUnary[]);
  }

  handlerOf(method: DescMethodUnary): AnyUnaryHandler {
    const handler = this.#handlers.get(nameOf(method));
    if (handler === undefined) throw new Error(`no handler for ${nameOf(method)}`);
    return handler;
  }
}

function nameOf(method: DescMethodUnary): string {
  return `${method.parent.typeName}/${method.name}`;
}
