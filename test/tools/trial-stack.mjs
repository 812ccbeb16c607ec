import { stackOf } from "../../tools/pulumi.mjs";

/** Says which stack a tool works on, or why none. */
try {
  console.log(stackOf(process.argv.slice(2)).stack);
} catch (error) {
  console.log(error.message);
}
