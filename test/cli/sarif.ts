import { z } from "zod";

const Message = z.strictObject({ text: z.string().min(1) });
const Bag = z.record(z.string(), z.unknown());

/** What the schema of SARIF 2.1.0 (OASIS, errata 01) allows of what a review writes: names, requirements, values and numbers as there, and nothing else. */
export const SarifLog = z.strictObject({
  $schema: z.url(),
  version: z.literal("2.1.0"),
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string(),
          version: z.string().optional(),
          rules: z.array(
            z.strictObject({
              id: z.string(),
              shortDescription: Message.optional(),
              help: Message.optional(),
              helpUri: z.url().optional(),
              properties: Bag.optional(),
            }),
          ),
        }),
      }),
      automationDetails: z.strictObject({ id: z.string() }),
      originalUriBaseIds: z.record(z.string(), z.strictObject({ description: Message })),
      invocations: z.array(
        z.strictObject({
          executionSuccessful: z.boolean(),
          toolExecutionNotifications: z.array(
            z.strictObject({ level: z.enum(["none", "note", "warning", "error"]), message: Message }),
          ),
        }),
      ),
      columnKind: z.enum(["utf16CodeUnits", "unicodeCodePoints"]),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(-1).optional(),
          level: z.enum(["none", "note", "warning", "error"]),
          message: Message,
          locations: z.array(
            z.strictObject({
              physicalLocation: z
                .strictObject({
                  artifactLocation: z.strictObject({ uri: z.string(), uriBaseId: z.string() }),
                  region: z.strictObject({ startLine: z.int().min(1) }).optional(),
                })
                .optional(),
              logicalLocations: z
                .array(z.strictObject({ name: z.string(), fullyQualifiedName: z.string(), kind: z.string() }))
                .optional(),
            }),
          ),
          partialFingerprints: z.record(z.string(), z.string()),
          suppressions: z
            .array(
              z.strictObject({
                kind: z.enum(["inSource", "external"]),
                status: z.enum(["accepted", "underReview", "rejected"]),
                justification: z.string(),
              }),
            )
            .optional(),
          properties: Bag.optional(),
        }),
      ),
    }),
  ),
});
