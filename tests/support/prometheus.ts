const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const value = /^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?Inf|NaN)$/;
const types = ["counter", "gauge", "histogram", "summary", "untyped"];

/** One label, whose value needs no escapes. */
const label = /\{[a-zA-Z_]\w*="[^"\\]*"\}$/;

/**
 * Parses Prometheus' text format 0.0.4, for metrics with at most one label. The key of a sample contains its label. Throws if the text violates the specification.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function readPrometheus(text: string): Map<string, number> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line must end with a line feed");
  const [helped, typed, read] = [new Set<string>(), new Map<string, string>(), new Map<string, number>()];
  for (const line of text.split("\n").slice(0, -1)) {
    const [, what, metric = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what) {
      if (!name.test(metric)) throw new Error(`invalid metric name: ${line}`);
      if (read.has(metric)) throw new Error(`HELP and TYPE must precede the metric: ${line}`);
      if (what === "HELP") once(helped.has(metric), line) || helped.add(metric);
      else once(typed.has(metric), line) || typed.set(metric, rest);
      if (what === "TYPE" && !types.includes(rest)) throw new Error(`invalid type: ${line}`);
      if (what === "HELP" && /\\(?![\\n])/.test(rest)) throw new Error(`a backslash must be escaped: ${line}`);
      continue;
    }
    if (line === "" || line.startsWith("#")) continue;
    const [sample = "", number = "", ...more] = line.split(/[ \t]+/);
    if (!name.test(sample.replace(label, "")) || !value.test(number) || more.length > 0)
      throw new Error(`invalid sample: ${line}`);
    once(read.has(sample), line);
    const isCounter = typed.get(sample) === "counter";
    if (isCounter !== sample.endsWith("_total")) throw new Error(`exactly the counters must end with _total: ${line}`);
    if (isCounter && Number(number) < 0) throw new Error(`negative counter: ${line}`);
    read.set(sample, Number(number));
  }
  return read;
}

function once(already: boolean, line: string): false {
  if (already) throw new Error(`duplicate: ${line}`);
  return false;
}
