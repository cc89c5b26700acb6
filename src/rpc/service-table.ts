/** The methods that are served, by descriptor, so that every wire format reaches the same function. */
import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
} from "@bufbuild/protobuf";
import type { StreamHandler, UnaryHandler } from "./call.ts";

/** The methods of a service as plain functions of (request, call): unary ones, and those that answer with a stream. */
export type ServiceMethods<Service extends DescService> = {
  readonly [Method in keyof Service["method"]]: Service["method"][Method] extends DescMethodServerStreaming
    ? StreamHandler<Service["method"][Method]["input"], Service["method"][Method]["output"]>
    : UnaryHandler<Service["method"][Method]["input"], Service["method"][Method]["output"]>;
};

/** For services without streams. */
export type UnaryService<Service extends DescService> = ServiceMethods<Service>;

export type AnyUnaryHandler = UnaryHandler<DescMessage, DescMessage>;
export type AnyStreamHandler = StreamHandler<DescMessage, DescMessage>;

export class ServiceTable {
  readonly #handlers = new Map<string, AnyUnaryHandler | AnyStreamHandler>();
  readonly #services: DescService[] = [];

  /** @throws Error for a method that takes a stream of requests */
  add<Service extends DescService>(service: Service, methods: ServiceMethods<Service>): this {
    this.#services.push(service);
    for (const method of service.methods) {
      if (!isUnary(method) && !isServerStreaming(method)) {
        throw new Error(`${nameOf(method)} takes a stream of requests, which is not served`);
      }
      const handler = methods[method.localName as keyof Service["method"]];
      // The table only ever pairs a handler with messages of its own method.
      this.#handlers.set(nameOf(method), handler as unknown as AnyUnaryHandler | AnyStreamHandler);
    }
    return this;
  }

  get services(): readonly DescService[] {
    return this.#services;
  }

  /** The unary ones. */
  get methods(): readonly DescMethodUnary[] {
    return this.#services.flatMap((service) => service.methods.filter(isUnary));
  }

  handlerOf(method: DescMethodUnary): AnyUnaryHandler {
    return this.#find(method) as AnyUnaryHandler;
  }

  streamHandlerOf(method: DescMethodServerStreaming): AnyStreamHandler {
    return this.#find(method) as AnyStreamHandler;
  }

  /** Whether the method is one of these services'. */
  has(method: DescMethod): boolean {
    return this.#handlers.has(nameOf(method));
  }

  #find(method: DescMethod): AnyUnaryHandler | AnyStreamHandler {
    const handler = this.#handlers.get(nameOf(method));
    if (handler === undefined) throw new Error(`no handler for ${nameOf(method)}`);
    return handler;
  }
}

export function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

export function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
