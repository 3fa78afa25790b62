import type * as z from "zod";

/** A fault of a value: where it is, and what is wrong. */
export interface Fault {
  path: PropertyKey[];
  message: string;
}

type Issue = z.core.$ZodIssue;

/** How many faults of a union are read. A value can have 250,000, and a caller shows a few. */
const maxInOption = 20;

/** Returns the faults that zod found. For a union or the key of a record, zod has them in the parts of an issue. */
export function faultsOf(issues: readonly Issue[]): Fault[] {
  return issues.flatMap((issue) => {
    if (issue.code === "invalid_union" && issue.errors.length > 0) return ofUnion(issue.path, issue.errors);
    if (issue.code === "invalid_key") {
      return faultsOf(issue.issues).map(({ message }) => ({
        path: issue.path,
        message: `${issue.message}: ${message}`,
      }));
    }
    return [{ path: issue.path, message: isMissing(issue) ? "is required" : issue.message }];
  });
}

/** Whether a field of an object is absent, for which zod says that it expected a type and received `undefined`. */
const isMissing = ({ code, path, message }: Issue): boolean =>
  code === "invalid_type" && path.length > 0 && /^Invalid input: expected \w+, received undefined$/.test(message);

/**
 * The option that takes a value of this kind, and finds faults in its parts, is the one that is meant. If no option takes the
 * value as a whole, all say why.
 */
function ofUnion(path: PropertyKey[], options: readonly Issue[][]): Fault[] {
  const meant = options.filter((issues) => issues.every((issue) => issue.path.length > 0));
  const [fewest] = meant.sort((a, b) => a.length - b.length);
  if (fewest)
    return faultsOf(fewest.slice(0, maxInOption)).map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
  const faults = options
    .flatMap((issues) => faultsOf(issues.slice(0, maxInOption)))
    .filter((fault) => fault.path.length === 0);
  const messages = [...new Set(faults.map(({ message }) => message))];
  const kinds = options.flat().flatMap((issue) => (issue.code === "invalid_type" ? [issue.expected] : []));
  const others = faults.filter(({ message }) => !message.startsWith("Invalid input: expected"));
  // A value of the right kind with a fault: the other kinds are not meant.
  if (others.length > 0)
    return [...new Set(others.map(({ message }) => message))].map((message) => ({ path, message }));
  if (kinds.length !== messages.length) return [{ path, message: messages.join(", or ") || "Invalid input" }];
  return [{ path, message: `Invalid input: expected ${[...new Set(kinds)].join(" or ")}` }];
}
