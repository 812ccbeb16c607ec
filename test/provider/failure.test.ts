import grpc from "@grpc/grpc-js";
import statuspb from "@pulumi/pulumi/proto/status_pb.js";
import { describe, expect, it } from "vitest";
import { failureOf, initializationFailure, inputFailure } from "../../sdk/provider/failure.ts";
import { encode } from "../../sdk/provider/wire.ts";
import { HostError, InputError, TransportError, VerificationError } from "../../sdk/units/errors.ts";

const facts = { code: "x", problem: "it is wrong", observed: "this", expected: "that", hint: "do so" };

describe("failures", () => {
  it.each([
    new InputError(facts),
    new HostError(facts),
    new TransportError(facts),
    new VerificationError(facts),
    new Error("plain"),
    "text",
  ])("carry the code of the call inside their details too, or the engine prints all of them: %s", (cause) => {
    const struct = encode({ key: "value" });
    const failures = [
      initializationFailure(cause, { id: "dut/x", properties: struct, inputs: struct }),
      ...(cause instanceof InputError ? [inputFailure(cause)] : []),
    ];
    for (const failure of failures) {
      const [bytes] = failure.metadata?.get("grpc-status-details-bin") ?? [];
      const status = statuspb.Status.deserializeBinary(bytes as Buffer);
      expect(status.getCode()).toBe(failure.code);
      expect(status.getMessage()).toBe(failure.details);
    }
  });

  it("are one sentence with observed, expected and what to do", () => {
    expect(failureOf(new InputError({ ...facts, property: "nics.east" }))).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: "nics.east: it is wrong: observed this, expected that; do so",
    });
  });
});
