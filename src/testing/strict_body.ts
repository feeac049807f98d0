/** Checks request bodies the way strict services do: one complaint, about the first thing that is wrong. */
import type { z } from "zod";

/** What is wrong with a body, and with which of its fields. */
export interface Complaint {
  kind: "unknown" | "missing" | "type" | "value";
  /** The field, such as `size` or `images[0].image_url`. */
  param: string;
  issue: z.core.$ZodIssue;
}

/**
 * Gives the body, typed, or throws what `refuse` makes of the first complaint.
 * @param schema best a `z.strictObject`, so that fields that nobody knows are complained about.
 */
export function strictly<T>(schema: z.ZodType<T>, body: unknown, refuse: (complaint: Complaint) => Error): T {
  const read = schema.safeParse(body, { reportInput: true });
  if (read.success) return read.data;
  throw refuse(complaintOf(read.error.issues));
}

// An unknown field first: it tells most about who wrote the request, and zod would list it last.
function complaintOf(issues: z.core.$ZodIssue[]): Complaint {
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const param = path.reduce<string>(
    (name, part) =>
      typeof part === "number" ? `${name}[${part}]` : name ? `${name}.${String(part)}` : String(part),
    "",
  );
  return { kind: kindOf(issue), param, issue };
}

function kindOf(issue: z.core.$ZodIssue): Complaint["kind"] {
  if (issue.code === "unrecognized_keys") return "unknown";
  if (issue.code === "invalid_type" || issue.code === "invalid_value") {
    if (issue.input === undefined) return "missing";
    if (issue.code === "invalid_type") return "type";
  }
  return "value";
}

/**
 * A form as an object: files and texts by name, numbers and booleans out of their decimal and English words.
 * A name that ends in `[]`, or is in `lists`, gives an array; any other that comes twice gives one, too, and
 * so offends a schema that expects a single value.
 */
export function readForm(
  form: FormData,
  { numbers = [], booleans = [], lists = [] }: { numbers?: string[]; booleans?: string[]; lists?: string[] },
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name).map((value) => {
      if (numbers.includes(name) && typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) {
        return Number(value);
      }
      if (booleans.includes(name) && (value === "true" || value === "false")) return value === "true";
      return value;
    });
    body[name] = values.length > 1 || name.endsWith("[]") || lists.includes(name) ? values : values[0];
  }
  return body;
}
