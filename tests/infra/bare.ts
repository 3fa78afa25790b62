import { Hono } from "hono";
import { handle } from "hono/aws-lambda";

/** The least that a function of Hono can be: what others are compared with. */
export const handler = handle(new Hono().get("/", (c) => c.text("hello")));
