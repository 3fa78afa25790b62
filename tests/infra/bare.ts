import { Hono } from "hono";
import { handle } from "hono/aws-lambda";

/** The smallest Hono function, with which the other functions are compared. */
export const handler = handle(new Hono().get("/", (c) => c.text("hello")));
