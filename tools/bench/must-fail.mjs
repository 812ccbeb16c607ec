import { ToolError } from "../tool-error.mjs";

/** A check that can't fail measures nothing: `what` was changed before, and `check` has to say `reason`. */
export async function mustFail(name, what, reason, check) {
  try {
    await check();
  } catch (error) {
    if (error instanceof ToolError && error.message.includes(reason)) return;
    throw error;
  }
  throw new ToolError(`${name} did not notice that ${what} was changed.`);
}
