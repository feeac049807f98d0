/** The version of this program, from the one place where it is written. */
import project from "../deno.json" with { type: "json" };

/** Such as `1.2.3`. */
export const VERSION: string = project.version;
