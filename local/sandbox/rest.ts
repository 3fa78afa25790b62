import type * as z from "zod";
import { defined } from "../../core/object.ts";

/** A response with an error status. */
export class RestError extends Error {
  override readonly name = "RestError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export interface Rest {
  get<Shape extends z.ZodType>(path: string, shape: Shape): Promise<z.output<Shape>>;
  post<Shape extends z.ZodType>(path: string, body: object, shape: Shape): Promise<z.output<Shape>>;
  put<Shape extends z.ZodType>(path: string, body: object, shape: Shape): Promise<z.output<Shape>>;
}

/**
 * Returns a client of the REST API. Throws `RestError` for an error status, and `ZodError` if the response does not match its
 * shape.
 */
export function restOf(url: string, headers: Record<string, string>, signal: AbortSignal): Rest {
  const request = async <Shape extends z.ZodType>(method: string, path: string, shape: Shape, body?: object) => {
    const response = await fetch(`${url}${path}`, {
      method,
      signal,
      headers: { ...headers, ...defined({ "content-type": body && "application/json" }) },
      ...defined({ body: body && JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new RestError(`${method} ${path} responded with ${response.status} ${text}`, response.status);
    return shape.parse(JSON.parse(text));
  };
  return {
    get: (path, shape) => request("GET", path, shape),
    post: (path, body, shape) => request("POST", path, shape, body),
    put: (path, body, shape) => request("PUT", path, shape, body),
  };
}
