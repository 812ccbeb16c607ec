import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policyArguments, stackOf } from "./pulumi.mjs";

/**
 * What `nfvlab review` is given besides what its user says: the project's policy pack at the levels of the stack, or at those of a
 * configuration that the user names, and what it says of its policies. Nothing of it where the user names packs of his own.
 */
export async function reviewArguments(args) {
  const names = (option) => args.some((each) => each === option || each.startsWith(`${option}=`));
  if (names("--policy-pack")) return [];
  const { stack } = stackOf(args);
  const [flag, pack, ...levels] = policyArguments(stack, "plan");
  const configured = names("--policy-pack-config") ? [] : levels;
  return [flag, pack, ...configured, "--catalogue", await catalogue()];
}

/** What the pack says of each policy, in a file that goes with this process. */
async function catalogue() {
  const { catalogue: entries } = await import("../policies/catalogue.ts");
  const policies = entries().map(({ policy, said }) => ({
    name: policy.name,
    pack: "nfvlab",
    description: policy.description,
    severity: policy.severity ?? "",
    remediation: policy.remediationSteps ?? "",
    source: said.source,
  }));
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-policies-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "catalogue.json");
  writeFileSync(file, JSON.stringify(policies, undefined, 2));
  return file;
}
